import { describe, expect, it } from 'vitest';
import { type Columns, decodeColumns } from './columns';
import { encodeTree, type Node } from './encode.testing';
import { deepest, graft, isFolded } from './graft';
import { layOut } from './layout';
import { namedTotals } from './useExactTotals';
import { withoutRoot } from './useExactSandwich';

const node = (name: string, self: number, ...children: Node[]): Node => ({ name, self, children });
const decode = (root: Node, truncated: boolean) => decodeColumns(encodeTree(root, { truncated }));
const shape = (c: Columns) => Array.from(c.label, (label, i) => `${'.'.repeat(c.level[i]!)}${c.names[label]}=${c.value[i]}/${c.self[i]}`);

// total: idle, main { a { x, other }, b { other } }
const coarse = () => decode(node('total', 0, node('idle', 4), node('main', 1, node('a', 2, node('x', 9), node('other', 6)), node('b', 0, node('other', 5)))), true);
// What the server says of main; a alone.
const fine = (extra = 0) => decode(node('total', 0, node('main', 0, node('a', 2, node('x', 9), node('y', 4, node('z', 1)), node('w', 1 + extra)))), false);

describe('an exact subtree', () => {
  it('is asked for where frames were folded', () => {
    const c = coarse();
    const layout = layOut(c);
    expect([1, 2, 3, 4, 6].map((id) => isFolded(c, layout, id))).toEqual([false, true, true, false, true]);
    expect(isFolded({ ...c, meta: { ...c.meta, truncated: false } }, layout, 2)).toBe(false);
  });
  it('takes the place of the coarse one', () => {
    const c = coarse();
    const grown = graft(c, layOut(c), 3, fine());
    expect(shape(grown)).toEqual([
      'total=27/0', '.idle=4/4', '.main=23/1', '..a=17/2', '...x=9/9', '...y=5/4', '....z=1/1', '...w=1/1', '..b=5/0', '...other=5/5',
    ]);
    expect(isFolded(grown, layOut(grown), 3)).toBe(false);
    expect(isFolded(grown, layOut(grown), 2)).toBe(true);
    expect(shape(c)[3]).toBe('..a=17/2'); // as it was
    expect(c.names).not.toContain('w');
  });
  it('may have come later, with more in it', () => {
    const c = coarse();
    const grown = graft(c, layOut(c), 3, fine(10));
    expect(shape(grown).slice(0, 4)).toEqual(['total=37/0', '.idle=4/4', '.main=33/1', '..a=27/2']);
  });
  it('has both sides of a diff', () => {
    const both = (c: Columns): Columns => ({ ...c, right: { value: c.value.map((v) => 2 * v), self: c.self.map((v) => 2 * v) } });
    const c = both(coarse());
    const grown = graft(c, layOut(c), 3, both(fine(10)));
    expect([...grown.right!.value]).toEqual([...grown.value].map((value) => 2 * value));
    expect([...grown.right!.self]).toEqual([...grown.self].map((value) => 2 * value));
  });
  it('is left out where it is of another frame, or empty', () => {
    const c = coarse();
    expect(graft(c, layOut(c), 6, fine())).toBe(c);
    expect(graft(c, layOut(c), 3, decode(node('total', 0), false))).toBe(c);
  });
  it('is found by the way to it, as far as that is there', () => {
    const c = coarse();
    const layout = layOut(c);
    expect(deepest(c, layout, ['main', 'a', 'x'])).toBe(4);
    expect(deepest(c, layout, ['main', 'a', 'w', 'x'])).toBe(3);
    expect(deepest(c, layout, ['nothing'])).toBe(0);
  });
});

describe('answers of the server', () => {
  it('list functions', () => {
    const totals = namedTotals({ matched: 7, functions: [{ name: 'a', self: 1, total: 3 }, { name: 'b', self: 2, total: 2 }] });
    expect(totals).toEqual({ names: ['a', 'b'], matched: 7, self: Float64Array.of(1, 2), total: Float64Array.of(3, 2) });
  });
  it('are turned around a function', () => {
    expect(shape(withoutRoot(fine())!)).toEqual(['main=17/0', '.a=17/2', '..x=9/9', '..y=5/4', '...z=1/1', '..w=1/1']);
    expect(withoutRoot(decode(node('total', 0), false))).toBeNull();
  });
});
