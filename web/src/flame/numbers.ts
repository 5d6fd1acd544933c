// What is told about a frame: the rows of its tooltip, and a sentence for screen readers.
import { formatChange, formatExact, formatPoints, formatShare, formatValue } from '../state/format';
import type { Side } from './columns';
import { totalsOf } from './diff';
import type { Layout } from './layout';

export interface Numbers {
  /** Rows of cells; the first cell names its row. */
  rows: (id: number, focus: number) => string[][];
  spoken: (id: number) => string;
}

/** `total` is what shares are relative to. */
export function numbersOf(layout: Layout, self: Float64Array, unit: string, total: number): Numbers {
  const value = (amount: number) => `${formatValue(amount, unit)} (${formatShare(amount, total)})`;
  return {
    rows: (id, focus) => [
      ['Total', value(layout.width[id]!)],
      ['Self', value(self[id]!)],
      ...(focus > 0 ? [['Of the zoomed frame', formatShare(layout.width[id]!, layout.width[focus]!)]] : []),
      ['Exactly', formatExact(layout.width[id]!, unit)],
    ],
    spoken: (id) =>
      `total ${formatValue(layout.width[id]!, unit)}, ${formatShare(layout.width[id]!, total)}, self ${formatValue(self[id]!, unit)}`,
  };
}

/** Of both sides of a diff. Totals of 0 are those of a side without profiles. */
export function diffNumbers(left: Side, right: Side, unit: string, totals = totalsOf(left, right)): Numbers {
  const share = (value: number, side: 0 | 1) => (totals[side] > 0 ? value / totals[side] : 0);
  const values = (name: string, before: number, after: number) =>
    [name, formatValue(before, unit), formatValue(after, unit), formatChange(before, after)];
  const shares = (name: string, before: number, after: number) =>
    [name, formatShare(before, totals[0]), formatShare(after, totals[1]), formatPoints(share(after, 1) - share(before, 0))];
  return {
    rows: (id) => [
      ['', 'Baseline', 'Comparison', 'Change'],
      values('Total', left.value[id]!, right.value[id]!),
      shares('of all', left.value[id]!, right.value[id]!),
      values('Self', left.self[id]!, right.self[id]!),
      shares('of all', left.self[id]!, right.self[id]!),
    ],
    spoken: (id) => {
      const [before, after] = [left.value[id]!, right.value[id]!];
      return `baseline ${formatValue(before, unit)}, ${formatShare(before, totals[0])}, comparison ${formatValue(after, unit)}, ` +
        `${formatShare(after, totals[1])}, change ${formatPoints(share(after, 1) - share(before, 0))}`;
    },
  };
}
