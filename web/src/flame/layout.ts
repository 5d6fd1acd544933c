// Where every frame of a flame graph lies: arrays by node, no object per frame.
import type { Tree } from './columns';

export interface Layout {
  n: number;
  depth: number;
  /** Left edge and width in units of the profile; the root spans [0, total]. */
  start: Float64Array;
  width: Float64Array;
  level: Uint32Array;
  label: Uint32Array;
  parent: Int32Array;
  /** First node after the subtree. */
  end: Int32Array;
  /** Ids of one level, from left to right. */
  rows: Int32Array[];
}

export function layOut(tree: Tree): Layout {
  const n = tree.label.length;
  const { level, value } = tree;
  let depth = 0;
  for (let i = 0; i < n; i++) if (level[i]! >= depth) depth = level[i]! + 1;
  const count = new Int32Array(depth);
  for (let i = 0; i < n; i++) count[level[i]!]!++;
  const rows = Array.from(count, (size) => new Int32Array(size));
  count.fill(0);

  const start = new Float64Array(n);
  const parent = new Int32Array(n);
  const end = new Int32Array(n);
  const open = new Int32Array(depth + 1); // the open node of each level
  const next = new Float64Array(depth + 1); // where the next child of that node begins
  let openLevels = 0;
  for (let i = 0; i < n; i++) {
    const at = level[i]!;
    for (let l = at; l < openLevels; l++) end[open[l]!] = i;
    parent[i] = at > 0 ? open[at - 1]! : -1;
    const x = at > 0 ? next[at - 1]! : 0;
    start[i] = x;
    if (at > 0) next[at - 1] = x + value[i]!;
    next[at] = x;
    open[at] = i;
    openLevels = at + 1;
    rows[at]![count[at]!++] = i;
  }
  for (let l = 0; l < openLevels; l++) end[open[l]!] = n;
  return { n, depth, start, width: value, level, label: tree.label, parent, end, rows };
}

/** Index in `row` of the first frame whose right edge is beyond `x`. */
export function firstVisible(layout: Layout, row: Int32Array, x: number): number {
  let low = 0;
  let high = row.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const id = row[middle]!;
    if (layout.start[id]! + layout.width[id]! > x) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The frame of `level` that covers `x`, or -1. */
export function hitTest(layout: Layout, level: number, x: number): number {
  const row = layout.rows[level];
  if (!row) return -1;
  const at = firstVisible(layout, row, x);
  if (at >= row.length) return -1;
  const id = row[at]!;
  return layout.start[id]! <= x ? id : -1;
}

/** Moves through the frames: to the parent, the widest child, or the neighbours of the level. */
export function neighbour(layout: Layout, id: number, direction: 'up' | 'down' | 'left' | 'right'): number {
  if (direction === 'up') return layout.parent[id]! >= 0 ? layout.parent[id]! : id;
  if (direction === 'down') {
    let best = id;
    for (let child = id + 1; child < layout.end[id]!; child = layout.end[child]!)
      if (best === id || layout.width[child]! > layout.width[best]!) best = child;
    return best;
  }
  const row = layout.rows[layout.level[id]!]!;
  const at = firstVisible(layout, row, layout.start[id]!);
  let index = at;
  while (index < row.length && row[index] !== id) index++;
  return row[direction === 'left' ? index - 1 : index + 1] ?? id;
}

/** Ids from the root to `id`. */
export function pathTo(layout: Layout, id: number): number[] {
  const path: number[] = [];
  for (let i = id; i >= 0; i = layout.parent[i]!) path.push(i);
  return path.reverse();
}
