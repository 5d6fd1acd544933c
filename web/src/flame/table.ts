// Self and total per function. A recursive function's total counts its outermost frames only.
import type { Tree } from './columns';

export interface Totals {
  /** Per name. */
  self: Float64Array;
  total: Float64Array;
}

export type SortKey = 'name' | 'self' | 'total';

export function totalsByName(tree: Tree, names: number): Totals {
  const n = tree.label.length;
  const self = new Float64Array(names);
  const total = new Float64Array(names);
  const inside = new Uint32Array(names); // open frames of that name
  const open = new Uint32Array(n + 1);
  let depth = 0;
  for (let i = 0; i < n; i++) {
    const level = tree.level[i]!;
    while (depth > level) inside[open[--depth]!]!--;
    const label = tree.label[i]!;
    self[label]! += tree.self[i]!;
    if (inside[label]!++ === 0) total[label]! += tree.value[i]!;
    open[depth++] = label;
  }
  return { self, total };
}

export const compareNames = (names: string[]) => (a: number, b: number) => (names[a]! < names[b]! ? -1 : names[a]! > names[b]! ? 1 : 0);

/** Names with a value (without the root's), in the order asked for; ties by total, then by name. */
export function sortedRows(
  totals: Totals, names: string[], root: number, key: SortKey, descending: boolean, matches: Uint8Array | null,
): Uint32Array {
  const rows: number[] = [];
  for (let i = 0; i < names.length; i++)
    if (i !== root && (totals.total[i]! > 0 || totals.self[i]! > 0) && (!matches || matches[i])) rows.push(i);
  const byName = compareNames(names);
  const sign = descending ? -1 : 1;
  const column = key === 'self' ? totals.self : totals.total;
  rows.sort((a, b) =>
    key === 'name' ? sign * byName(a, b) : sign * (column[a]! - column[b]!) || totals.total[b]! - totals.total[a]! || byName(a, b),
  );
  return Uint32Array.from(rows);
}
