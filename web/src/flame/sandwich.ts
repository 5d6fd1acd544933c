// The sandwich of a function: everything it calls, merged, and everything that calls it, merged
// upside down. Only outermost frames count, on both halves, so recursion is never counted twice.
// Of a diff every node has the values of both sides.
import type { Side, Tree } from './columns';

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
  sides: Side[];
  private slots: Int32Array;

  constructor(root: number, sides: number, capacity = 1024) {
    this.label = new Uint32Array(capacity);
    this.parent = new Int32Array(capacity);
    this.sides = Array.from({ length: sides }, () => ({ value: new Float64Array(capacity), self: new Float64Array(capacity) }));
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
    const grown = (old: Float64Array) => {
      const values = new Float64Array(capacity);
      values.set(old);
      return values;
    };
    label.set(this.label);
    parent.set(this.parent);
    const sides = this.sides.map(({ value, self }) => ({ value: grown(value), self: grown(self) }));
    Object.assign(this, { label, parent, sides });
    this.slots = new Int32Array(capacity * 2).fill(-1);
    const mask = this.slots.length - 1;
    for (let id = 1; id < this.size; id++) {
      let at = this.slot(parent[id]!, label[id]!, mask);
      while (this.slots[at]! >= 0) at = (at + 1) & mask;
      this.slots[at] = id;
    }
  }

  /** Pre-order, the widest child first, ties in order of appearance. A value of a side is as wide as its scale says. */
  finish(scales: number[]): Tree {
    const n = this.size;
    const width = Float64Array.from({ length: n }, (_, id) => this.sides.reduce((sum, { value }, side) => sum + value[id]! * scales[side]!, 0));
    const byParent = Array.from({ length: n }, (_, i) => i).slice(1);
    byParent.sort((a, b) => this.parent[a]! - this.parent[b]! || width[b]! - width[a]! || a - b);
    const first = new Int32Array(n).fill(-1);
    const next = new Int32Array(n).fill(-1);
    for (let i = byParent.length - 1; i >= 0; i--) {
      const id = byParent[i]!;
      next[id] = first[this.parent[id]!]!;
      first[this.parent[id]!] = id;
    }
    const label = new Uint32Array(n);
    const levels = new Uint32Array(n);
    const sides = this.sides.map(() => ({ value: new Float64Array(n), self: new Float64Array(n) }));
    let level = 0;
    let id = 0;
    for (let at = 0; at < n; at++) {
      label[at] = this.label[id]!;
      levels[at] = level;
      this.sides.forEach(({ value, self }, side) => {
        sides[side]!.value[at] = value[id]!;
        sides[side]!.self[at] = self[id]!;
      });
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
    const [left, right] = sides;
    return { label, level: levels, ...left!, ...(right ? { right } : {}) };
  }
}

const sidesOf = (tree: Tree): Side[] => (tree.right ? [tree, tree.right] : [tree]);

export function sandwich(tree: Tree, label: number): Sandwich {
  const n = tree.label.length;
  const sides = sidesOf(tree);
  const down = new Merger(label, sides.length);
  const up = new Merger(label, sides.length);
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
      addCallers(up, tree, sides, open, i);
      merged.length = 0;
    }
    const below = level - inside;
    merged.length = below;
    const id = below === 0 ? 0 : down.child(merged[below - 1]!, tree.label[i]!);
    merged.push(id);
    for (let side = 0; side < sides.length; side++) {
      down.sides[side]!.value[id]! += sides[side]!.value[i]!;
      down.sides[side]!.self[id]! += sides[side]!.self[i]!;
    }
  }
  const scales = sides.map(({ value }) => (tree.right ? (value[0]! > 0 ? 1 / value[0]! : 0) : 1));
  return { callees: down.finish(scales), callers: up.finish(scales), total: down.sides[0]!.value[0]! };
}

/** The chain from the occurrence to the root's child; the root itself is no caller. */
function addCallers(up: Merger, tree: Tree, sides: Side[], open: number[], occurrence: number) {
  const add = (kind: 'value' | 'self', id: number) =>
    sides.forEach(({ value }, side) => {
      up.sides[side]![kind][id]! += value[occurrence]!;
    });
  let id = 0;
  add('value', id);
  for (let k = open.length - 2; k >= 1; k--) {
    id = up.child(id, tree.label[open[k]!]!);
    add('value', id);
  }
  add('self', id);
}
