// The server folds small frames into one called "other" to stay below the limit of nodes. Asked for
// one subtree alone it has room for more of them, and that subtree takes the place of the coarse one.
import type { Columns, Side } from './columns';
import { FOLDED } from './focus';
import { type Layout, pathTo } from './layout';

/** Whether frames were folded below the frame. */
export function isFolded({ names, label, meta }: Columns, layout: Layout, id: number): boolean {
  const folded = meta.truncated ? names.indexOf(FOLDED) : -1;
  return folded >= 0 && label.subarray(id + 1, layout.end[id]).includes(folded);
}

/** The last frame on the way of names from the root that is there; 0 where the first one is not. */
export function deepest({ names, label }: Columns, layout: Layout, path: string[]): number {
  let id = 0;
  for (const name of path) {
    let child = id + 1;
    while (child < layout.end[id]! && names[label[child]!] !== name) child = layout.end[child]!;
    if (child >= layout.end[id]!) break;
    id = child;
  }
  return id;
}

/**
 * `whole` with the subtree of `id` taken from `exact`, which has nothing but that subtree and the way to it.
 * Values that came in between the two answers are added on that way, so that no frame is wider than its caller.
 */
export function graft(whole: Columns, layout: Layout, id: number, exact: Columns): Columns {
  const at = layout.level[id]!;
  const end = layout.end[id]!;
  const path = pathTo(layout, id);
  const nameOf = (columns: Columns, node: number) => columns.names[columns.label[node]!];
  if (exact.label.length <= at || path.some((node, level) => level > 0 && nameOf(whole, node) !== nameOf(exact, level))) return whole;

  const names = [...whole.names];
  const index = new Map(names.map((name, i) => [name, i]));
  const labels = exact.names.map((name) => {
    const known = index.get(name) ?? names.push(name) - 1;
    index.set(name, known);
    return known;
  });
  const size = id + (exact.label.length - at) + (layout.n - end);
  const splice = <T extends Uint32Array | Float64Array>(into: T, old: T, subtree: T): T => {
    into.set(old.subarray(0, id));
    into.set(subtree.subarray(at), id);
    into.set(old.subarray(end), size - (layout.n - end));
    return into;
  };
  const side = (old: Side, subtree: Side): Side => {
    const value = splice(new Float64Array(size), old.value, subtree.value);
    const more = subtree.value[at]! - old.value[id]!;
    for (const node of path) if (node !== id) value[node]! += more;
    return { value, self: splice(new Float64Array(size), old.self, subtree.self) };
  };
  return {
    names, meta: whole.meta, ...side(whole, exact),
    label: splice(new Uint32Array(size), whole.label, exact.label.map((label) => labels[label]!)),
    level: splice(new Uint32Array(size), whole.level, exact.level),
    ...(whole.right && exact.right ? { right: side(whole.right, exact.right) } : {}),
  };
}
