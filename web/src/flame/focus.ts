// A frame's identity beyond one answer of the server: the names from the root down to it.
// In the address it is written as NAME~HASH, where the hash is over the whole path.
import type { Columns } from './columns';
import { type Layout, pathTo } from './layout';

function hashText(text: string, seed: number): number {
  let hash = seed >>> 0;
  for (let i = 0; i < text.length; i++) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}

const pathSeed = 0x811c9dc5;
const step = (hash: number, name: number) => Math.imul(Math.imul(hash ^ name, 0x85ebca6b) ^ (hash >>> 13), 0xc2b2ae35) >>> 0;

export function focusKey(layout: Layout, names: string[], id: number): string {
  let hash = pathSeed;
  for (const node of pathTo(layout, id).slice(1)) hash = step(hash, hashText(names[layout.label[node]!]!, pathSeed));
  return `${names[layout.label[id]!]}~${hash.toString(36)}`;
}

/** The frame that `key` names; where its path is gone, the widest frame of that name; else -1. */
export function findFocus(layout: Layout, names: string[], key: string): number {
  const cut = key.lastIndexOf('~');
  if (cut < 0) return -1;
  const name = key.slice(0, cut);
  const wanted = parseInt(key.slice(cut + 1), 36);
  const label = names.indexOf(name);
  if (label < 0) return -1;
  const nameHash = new Map<number, number>();
  const hashOf = (id: number) => {
    let hash = pathSeed;
    for (const node of pathTo(layout, id).slice(1)) {
      const at = layout.label[node]!;
      let one = nameHash.get(at);
      if (one === undefined) nameHash.set(at, (one = hashText(names[at]!, pathSeed)));
      hash = step(hash, one);
    }
    return hash;
  };
  let widest = -1;
  for (let i = 1; i < layout.n; i++) {
    if (layout.label[i] !== label) continue;
    if (hashOf(i) === wanted) return i;
    if (widest < 0 || layout.width[i]! > layout.width[widest]!) widest = i;
  }
  return widest;
}

/** What the server folds small frames into, in a truncated tree. */
export const FOLDED = 'other';

/** The names from the root's child down to the frame, or to the one whose callees were folded into it: what the server finds it by. */
export function callSiteOf({ names, meta }: Columns, layout: Layout, id: number): string[] {
  const path = pathTo(layout, id).slice(1).map((node) => names[layout.label[node]!]!);
  if (meta.truncated && path.at(-1) === FOLDED) path.pop();
  return path;
}

export function widestOf(layout: Layout, label: number): number {
  let widest = -1;
  for (let i = 1; i < layout.n; i++)
    if (layout.label[i] === label && (widest < 0 || layout.width[i]! > layout.width[widest]!)) widest = i;
  return widest;
}
