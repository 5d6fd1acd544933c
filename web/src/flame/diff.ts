// Two profiles side by side. They are compared by share of their totals, so that ranges of different
// length and fleets of different size can be.
import { formatPoints } from '../state/format';
import type { Columns, Side, Tree } from './columns';
import type { Scene } from './draw';
import { DIFF_STEPS, SAME } from './palette';
import { compareNames, type Totals, totalsByName } from './table';

/** The ratios of shares at which the colours change. */
const diffRatios = [1.05, 1.25, 2, 4] as const;

/** From -DIFF_STEPS (a quarter and less) over 0 (about the same) to DIFF_STEPS (four times and more). */
export function changeStep(before: number, after: number): number {
  const [small, large] = before < after ? [before, after] : [after, before];
  if (!(large > 0)) return 0;
  const steps = diffRatios.filter((ratio) => large >= ratio * small).length;
  return before < after ? steps : -steps || 0;
}

/** What the shares of the left and of the right are of. */
export type SideTotals = readonly [number, number];

export const totalsOf = (left: Side, right: Side): SideTotals => [left.value[0] ?? 0, right.value[0] ?? 0];

const sharesOf = (left: Side, right: Side, totals: SideTotals) =>
  ([left, right] as const).map(({ value }, side) => (id: number) => (totals[side]! > 0 ? value[id]! / totals[side]! : 0)) as
    [(id: number) => number, (id: number) => number];

/** The tree whose widths are the sums of both shares. */
export function combined(left: Tree, right: Side, totals = totalsOf(left, right)): Tree {
  const [before, after] = sharesOf(left, right, totals);
  const value = left.value.map((_, id) => before(id) + after(id));
  return { label: left.label, level: left.level, value, self: left.self };
}

/** Colours and signed texts of the frames. */
export function diffScene(left: Tree, right: Side, totals = totalsOf(left, right)): NonNullable<Scene['diff']> {
  const [before, after] = sharesOf(left, right, totals);
  const colour = Uint8Array.from(left.label, (_, id) => SAME + changeStep(before(id), after(id)));
  return { colour, note: (id) => (colour[id] === SAME ? '' : formatPoints(after(id) - before(id))) };
}

interface DiffTotals {
  left: Totals;
  right: Totals;
}

export type Measure = keyof Totals;
export type DiffSort = 'name' | 'left' | 'right' | 'change';

export function diffTotals(left: Columns, right: Side): DiffTotals {
  const names = left.names.length;
  return { left: totalsByName(left, names), right: totalsByName({ ...left, ...right }, names) };
}

/** Shares per name of one measure. */
interface Shares {
  left: Float64Array;
  right: Float64Array;
  change: Float64Array;
}

/** Totals of 0 are those of a side without profiles. */
export function sharesByName(totals: DiffTotals, measure: Measure, leftTotal: number, rightTotal: number): Shares {
  const side = (values: Float64Array, total: number) => values.map((value) => (total > 0 ? value / total : 0));
  const left = side(totals.left[measure], leftTotal);
  const right = side(totals.right[measure], rightTotal);
  return { left, right, change: right.map((share, i) => share - left[i]!) };
}

/** Names with a share (without the root's) in the order asked for; ties by the larger share, then by name. */
export function sortedShares(
  shares: Shares, names: string[], root: number, key: DiffSort, descending: boolean, matches: Uint8Array | null,
): Uint32Array {
  const rows: number[] = [];
  for (let i = 0; i < names.length; i++)
    if (i !== root && shares.left[i]! + shares.right[i]! > 0 && (!matches || matches[i])) rows.push(i);
  const byName = compareNames(names);
  const sign = descending ? -1 : 1;
  const most = (i: number) => Math.max(shares.left[i]!, shares.right[i]!);
  rows.sort((a, b) =>
    key === 'name' ? sign * byName(a, b) : sign * (shares[key][a]! - shares[key][b]!) || most(b) - most(a) || byName(a, b));
  return Uint32Array.from(rows);
}

/** The words of a step, for the legend. */
export function stepText(step: number): string {
  if (step === 0) return 'about the same';
  const ratio = diffRatios[Math.abs(step) - 1]!;
  if (Math.abs(step) === DIFF_STEPS) return step > 0 ? `${ratio} times the share and more, or new` : `a quarter of the share and less, or gone`;
  return step > 0 ? `at least ${ratio} times the share` : `at most ${+(100 / ratio).toFixed(0)} % of the share`;
}
