// The sandwich of a function: everything it calls, merged, and everything that calls it, merged
// upside down. Only outermost frames count, on both sides, so recursion is never counted twice.
import type { Tree } from './columns';

export interface Sandwich {
  /** Root: the function; children: what it calls. */
  callees: Tree;
  /** Root: the function; children: its callers, outwards. */
  callers: Tree;
  total: number;
}

/** A tree that grows by (parent, label): open addressing over typed arrays. */
class Merger {
  size = 1;
  label: Uint32Array;
  parent: Int32Array;
  value: Float64Array;
  self: Float64Array;
  private slots: Int32Array;

  constructor(root: number, capacity = 1024) {
    this.label = new Uint32Array(capacity);
    this.parent = new Int32Array(capacity);
    this.value = new Float64Array(capacity);
    this.self = new Float64Array(capacity);
    this.slots = new Int32Array(capacity * 2).fill(-1);
    this.label[0] = root;
    this.parent[0] = -1;
  }

  child(parent: number, label: number): number {
    const mask = this.slots.length - 1;
    let at = this.slot(parent, label, mask);
    for (;;) {
      const id = this.slots[at]!;
      if (id < 0) break;
      if (this.parent[id] === parent && this.label[id] === label) return id;
      at = (at + 1) & mask;
    }
    if (this.size === this.label.length) {
      this.grow();
      return this.child(parent, label);
    }
    const id = this.size++;
    this.label[id] = label;
    this.parent[id] = parent;
    this.slots[at] = id;
    return id;
  }

  private slot(parent: number, label: number, mask: number): number {
    let hash = Math.imul(parent, 0x9e3779b1) ^ Math.imul(label + 1, 0x85ebca6b);
    hash ^= hash >>> 15;
    return Math.imul(hash, 0xc2b2ae35) >>> 7 & mask;
  }

  private grow() {
    const capacity = this.label.length * 2;
    const label = new Uint32Array(capacity);
    const parent = new Int32Array(capacity);
    const value = new Float64Array(capacity);
    const self = new Float64Array(capacity);
    label.set(this.label);
    parent.set(this.parent);
    value.set(this.value);
    self.set(this.self);
    Object.assign(this, { label, parent, value, self });
    this.slots = new Int32Array(capacity * 2).fill(-1);
    const mask = this.slots.length - 1;
    for (let id = 1; id < this.size; id++) {
      let at = this.slot(parent[id]!, label[id]!, mask);
      while (this.slots[at]! >= 0) at = (at + 1) & mask;
      this.slots[at] = id;
    }
  }

  /** Pre-order, the widest child first, ties in order of appearance. */
  finish(): Tree {
    const n = this.size;
    const byParent = Array.from({ length: n }, (_, i) => i).slice(1);
    byParent.sort((a, b) => this.parent[a]! - this.parent[b]! || this.value[b]! - this.value[a]! || a - b);
    const first = new Int32Array(n).fill(-1);
    const next = new Int32Array(n).fill(-1);
    for (let i = byParent.length - 1; i >= 0; i--) {
      const id = byParent[i]!;
      next[id] = first[this.parent[id]!]!;
      first[this.parent[id]!] = id;
    }
    const tree: Tree = { label: new Uint32Array(n), level: new Uint32Array(n), value: new Float64Array(n), self: new Float64Array(n) };
    let level = 0;
    let id = 0;
    for (let at = 0; at < n; at++) {
      tree.label[at] = this.label[id]!;
      tree.level[at] = level;
      tree.value[at] = this.value[id]!;
      tree.self[at] = this.self[id]!;
      if (first[id]! >= 0) {
        id = first[id]!;
        level++;
        continue;
      }
      while (id > 0 && next[id]! < 0) {
        id = this.parent[id]!;
        level--;
      }
      if (id === 0) break;
      id = next[id]!;
    }
    return tree;
  }
}

export function sandwich(tree: Tree, label: number): Sandwich {
  const n = tree.label.length;
  const down = new Merger(label);
  const up = new Merger(label);
  const open: number[] = []; // original ids of the open path
  const merged: number[] = []; // merged ids below the outermost occurrence
  let inside = -1; // level of the open outermost occurrence
  for (let i = 0; i < n; i++) {
    const level = tree.level[i]!;
    open.length = level;
    if (inside >= 0 && level <= inside) inside = -1;
    open.push(i);
    if (inside < 0) {
      if (tree.label[i] !== label) continue;
      inside = level;
      addCallers(up, tree, open, i);
      merged.length = 0;
    }
    const below = level - inside;
    merged.length = below;
    const id = below === 0 ? 0 : down.child(merged[below - 1]!, tree.label[i]!);
    merged.push(id);
    down.value[id]! += tree.value[i]!;
    down.self[id]! += tree.self[i]!;
  }
  return { callees: down.finish(), callers: up.finish(), total: down.value[0]! };
}

/** The chain from the occurrence to the root's child; the root itself is no caller. */
function addCallers(up: Merger, tree: Tree, open: number[], occurrence: number) {
  const value = tree.value[occurrence]!;
  let id = 0;
  up.value[0]! += value;
  for (let k = open.length - 2; k >= 1; k--) {
    id = up.child(id, tree.label[open[k]!]!);
    up.value[id]! += value;
  }
  up.self[id]! += value;
}
