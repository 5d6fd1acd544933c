import { describe, expect, it } from 'vitest';
import { type Columns, decodeColumns, HEADER_BYTES } from './columns';
import { encodeColumns, encodeTree, type Node } from './encode.testing';
import { callSiteOf, findFocus, focusKey, widestOf } from './focus';
import { firstVisible, hitTest, layOut, neighbour, pathTo } from './layout';
import { colourNames, coloursOf, oklch, packageOf } from './palette';
import { sandwich } from './sandwich';
import { escapeRegExp, matchedValue, searchNames } from './search';
import { sortedRows, totalsByName } from './table';
import { syntheticTree } from './synthetic';

const leaf = (name: string, self: number): Node => ({ name, self });
const node = (name: string, children: Node[], self = 0): Node => ({ name, self, children });

// total 20: main 16 (self 1) { a 10 (self 2) { b 5, a 3 { b 2, self 1 } }, b 5 }, idle 4
const sample = node('total', [
  leaf('idle', 4),
  node('main', [node('a', [node('a', [leaf('b', 2)], 1), leaf('b', 5)], 2), leaf('b', 5)], 1),
]);
const columns = () => decodeColumns(encodeTree(sample));
const named = (c: Columns, label: number) => c.names[label]!;

describe('columns', () => {
  it('decodes what the format says', () => {
    const c = columns();
    expect(Array.from(c.label, (l) => named(c, l))).toEqual(['total', 'idle', 'main', 'a', 'a', 'b', 'b', 'b']);
    expect([...c.level]).toEqual([0, 1, 1, 2, 3, 4, 3, 2]);
    expect([...c.value]).toEqual([20, 4, 16, 10, 3, 2, 5, 5]);
    expect([...c.self]).toEqual([0, 4, 1, 2, 1, 2, 5, 5]);
    expect(c.meta.total).toBe('20');
  });
  it('takes a large tree without change', () => {
    const c = syntheticTree(5000, 100, 5);
    const d = decodeColumns(encodeColumns(c));
    expect([...d.value]).toEqual([...c.value]);
    expect([...d.self]).toEqual([...c.self]);
    expect([...d.label]).toEqual([...c.label]);
    expect([...d.level]).toEqual([...c.level]);
    expect(d.names).toEqual(c.names);
    expect(d.meta).toEqual(c.meta);
  });
  it('keeps names that are not ASCII', () => {
    const c = decodeColumns(encodeTree(node('total', [leaf('größe·λ', 1), leaf('x', 1)])));
    expect(c.names).toEqual(['total', 'größe·λ', 'x']);
  });
  it('takes an empty profile', () => {
    const c = decodeColumns(encodeTree(leaf('total', 0)));
    expect(c.label.length).toBe(1);
    expect(layOut(c).depth).toBe(1);
  });
  it('refuses what is cut, foreign or inconsistent', () => {
    const good = encodeTree(sample);
    expect(() => decodeColumns(good.slice(0, 10))).toThrow(/header/);
    expect(() => decodeColumns(good.slice(0, good.byteLength - 40))).toThrow(/cut short/);
    const other = good.slice(0);
    new Uint32Array(other)[0] = 1;
    expect(() => decodeColumns(other)).toThrow(/another format/);
    const newer = good.slice(0);
    new Uint32Array(newer)[1] = 2;
    expect(() => decodeColumns(newer)).toThrow(/version 2/);
    const meta = new Uint32Array(good)[4]!;
    const labels = ((HEADER_BYTES + meta + 7) & ~7) + 2 * 8 * 8;
    const unnamed = good.slice(0);
    new Uint32Array(unnamed, labels)[3] = 99;
    expect(() => decodeColumns(unnamed)).toThrow(/node 3 has no name/);
    const orphan = good.slice(0);
    new Uint32Array(orphan, labels + 8 * 4)[1] = 5;
    expect(() => decodeColumns(orphan)).toThrow(/node 1 has no parent/);
  });
});

describe('layout', () => {
  it('places children from the left edge of their parent', () => {
    const l = layOut(columns());
    expect([...l.start]).toEqual([0, 0, 4, 4, 4, 4, 7, 14]);
    expect([...l.parent]).toEqual([-1, 0, 0, 2, 3, 4, 3, 2]);
    expect([...l.end]).toEqual([8, 2, 8, 7, 6, 6, 7, 8]);
    expect(l.rows.map((row) => [...row])).toEqual([[0], [1, 2], [3, 7], [4, 6], [5]]);
    expect(pathTo(l, 5)).toEqual([0, 2, 3, 4, 5]);
  });
  it('finds frames by position', () => {
    const l = layOut(columns());
    expect(hitTest(l, 1, 3.9)).toBe(1);
    expect(hitTest(l, 1, 4)).toBe(2);
    expect(hitTest(l, 2, 19)).toBe(-1); // main's own share at the end: 14..19 is b, 19..20 is free
    expect(hitTest(l, 2, 18.9)).toBe(7);
    expect(hitTest(l, 3, 13)).toBe(-1);
    expect(hitTest(l, 9, 1)).toBe(-1);
    expect(firstVisible(l, l.rows[2]!, 14)).toBe(1);
  });
  it('moves by keys', () => {
    const l = layOut(columns());
    expect(neighbour(l, 0, 'up')).toBe(0);
    expect(neighbour(l, 0, 'down')).toBe(2);
    expect(neighbour(l, 3, 'down')).toBe(6);
    expect(neighbour(l, 6, 'down')).toBe(6);
    expect(neighbour(l, 3, 'right')).toBe(7);
    expect(neighbour(l, 7, 'right')).toBe(7);
    expect(neighbour(l, 7, 'left')).toBe(3);
    expect(neighbour(l, 1, 'left')).toBe(1);
  });
  it('agrees with brute force on 20,000 nodes', () => {
    const c = syntheticTree(20_000, 300, 7);
    const l = layOut(c);
    for (let k = 0; k < 500; k++) {
      const x = ((k * 7919) % 1000) / 1000 * c.value[0]!;
      const level = k % l.depth;
      const expected = [...l.rows[level]!].find((id) => l.start[id]! <= x && x < l.start[id]! + l.width[id]!) ?? -1;
      expect(hitTest(l, level, x)).toBe(expected);
    }
    for (let i = 1; i < l.n; i++) {
      const p = l.parent[i]!;
      expect(i > p && i < l.end[p]!).toBe(true);
      expect(l.start[i]! + l.width[i]!).toBeLessThanOrEqual(l.start[p]! + l.width[p]! + 1e-6);
    }
  });
});

describe('search', () => {
  it('reads a regular expression, without regard to case', () => {
    expect([...searchNames(['Main', 'domain', 'x'], '^main$')!.matches]).toEqual([1, 0, 0]);
  });
  it('falls back to the text itself', () => {
    const s = searchNames(['operator(', 'x'], 'OPERATOR(')!;
    expect([...s.matches]).toEqual([1, 0]);
    expect(s.literal).toBe(true);
  });
  it('is off without text', () => expect(searchNames(['a'], '')).toBeNull());
  it('counts nested matches once', () => {
    const c = columns();
    const l = layOut(c);
    expect(matchedValue(c, l.end, searchNames(c.names, '^a$')!.matches)).toBe(10);
    expect(matchedValue(c, l.end, searchNames(c.names, 'a|b')!.matches)).toBe(20 - 4 );
    expect(matchedValue(c, l.end, searchNames(c.names, 'nothing')!.matches)).toBe(0);
    expect(matchedValue(c, l.end, searchNames(c.names, '^b$')!.matches, 3, l.end[3])).toBe(7);
  });
  it('escapes names for an exact search', () => {
    const name = 'std::vector<int>::operator[](unsigned long) const';
    expect(searchNames([name], `^${escapeRegExp(name)}$`)!.matches[0]).toBe(1);
  });
});

describe('table', () => {
  it('counts recursion at the outermost frame', () => {
    const c = columns();
    const t = totalsByName(c, c.names.length);
    const of = (name: string) => [t.total[c.names.indexOf(name)], t.self[c.names.indexOf(name)]];
    expect(of('a')).toEqual([10, 3]);
    expect(of('b')).toEqual([12, 12]);
    expect(of('main')).toEqual([16, 1]);
    expect(of('total')).toEqual([20, 0]);
  });
  it('sorts and filters', () => {
    const c = columns();
    const t = totalsByName(c, c.names.length);
    const rows = (key: 'name' | 'self' | 'total', desc: boolean, matches: Uint8Array | null = null) =>
      Array.from(sortedRows(t, c.names, c.label[0]!, key, desc, matches), (r) => c.names[r]);
    expect(rows('self', true)).toEqual(['b', 'idle', 'a', 'main']);
    expect(rows('total', true)).toEqual(['main', 'b', 'a', 'idle']);
    expect(rows('total', false)).toEqual(['idle', 'a', 'b', 'main']);
    expect(rows('name', false)).toEqual(['a', 'b', 'idle', 'main']);
    expect(rows('name', false, searchNames(c.names, 'a')!.matches)).toEqual(['a', 'main']);
  });
});

describe('sandwich', () => {
  const shape = (names: string[], tree: { label: Uint32Array; level: Uint32Array; value: Float64Array }) =>
    Array.from(tree.label, (l, i) => `${tree.level[i]}:${names[l]}=${tree.value[i]}`);
  it('merges callees and callers', () => {
    const c = columns();
    const s = sandwich(c, c.names.indexOf('b'));
    expect(s.total).toBe(12);
    expect(shape(c.names, s.callees)).toEqual(['0:b=12']);
    expect(shape(c.names, s.callers)).toEqual(['0:b=12', '1:a=7', '2:main=5', '2:a=2', '3:main=2', '1:main=5']);
  });
  it('counts a recursive function once on both sides', () => {
    const c = columns();
    const s = sandwich(c, c.names.indexOf('a'));
    expect(s.total).toBe(10);
    expect(shape(c.names, s.callees)).toEqual(['0:a=10', '1:b=5', '1:a=3', '2:b=2']);
    expect(shape(c.names, s.callers)).toEqual(['0:a=10', '1:main=10']);
  });
  it('has the totals of the table, for every function of a large tree', () => {
    const c = syntheticTree(20_000, 200, 3);
    const t = totalsByName(c, c.names.length);
    for (let label = 1; label < c.names.length; label += 17) {
      const s = sandwich(c, label);
      const total = t.total[label]!;
      expect(s.total).toBeCloseTo(total, 3);
      expect(s.callers.value[0]).toBeCloseTo(total, 3);
      for (const tree of [s.callers, s.callees]) {
        const l = layOut(tree);
        for (let i = 0; i < l.n; i++) {
          let children = 0;
          for (let k = i + 1; k < l.end[i]!; k = l.end[k]!) children += tree.value[k]!;
          expect(tree.self[i]! + children).toBeCloseTo(tree.value[i]!, 3);
        }
      }
    }
  });
  it('is empty for a function that is not there', () => expect(sandwich(columns(), 99).total).toBe(0));
});

describe('focus', () => {
  it('finds a frame again by its path of names', () => {
    const c = columns();
    const l = layOut(c);
    for (let i = 1; i < l.n; i++) expect(findFocus(l, c.names, focusKey(l, c.names, i))).toBe(i);
  });
  it('finds it after the ids have changed', () => {
    const c = columns();
    const l = layOut(c);
    const key = focusKey(l, c.names, 4);
    const other = decodeColumns(encodeTree(node('total', [leaf('aaa', 50), ...sample.children!])));
    expect(findFocus(layOut(other), other.names, key)).toBe(5);
  });
  it('has a path of names, up to what was folded', () => {
    const c = columns();
    expect(callSiteOf(c, layOut(c), 5)).toEqual(['main', 'a', 'a', 'b']);
    expect(callSiteOf(c, layOut(c), 0)).toEqual([]);
    const cut = decodeColumns(encodeTree(node('total', [node('main', [leaf('other', 1)])]), { truncated: true }));
    expect(callSiteOf(cut, layOut(cut), 2)).toEqual(['main']);
    const whole = decodeColumns(encodeTree(node('total', [node('main', [leaf('other', 1)])])));
    expect(callSiteOf(whole, layOut(whole), 2)).toEqual(['main', 'other']);
  });
  it('falls back to the widest frame of the name', () => {
    const c = columns();
    const l = layOut(c);
    expect(findFocus(l, c.names, 'b~zzz')).toBe(6);
    expect(findFocus(l, c.names, 'gone~zzz')).toBe(-1);
    expect(findFocus(l, c.names, 'nonsense')).toBe(-1);
    expect(widestOf(l, c.names.indexOf('a'))).toBe(3);
  });
});

describe('palette', () => {
  it.each([
    ['net/http.(*conn).serve', 'net/http'], ['github.com/a/b.(*T[go.shape.int]).M', 'github.com/a/b'],
    ['main.handle', 'main'], ['std::vector<a::b>::push_back', 'std'], ['alloc::vec::Vec<T>::reserve', 'alloc'],
    ['do_syscall_64', ''], ['java.util.HashMap.put', 'java'], ['operator new(unsigned long)', ''], ['libz.so.1.2.13+0xab68', 'libz.so.1.2.13'], ['chromium+0x1f', 'chromium'],
  ])('%s belongs to %s', (name, group) => expect(packageOf(name)).toBe(group));
  it.each([
    ['#ffffff', 1, 0, 0], ['#000000', 0, 0, 0], ['#ff0000', 0.62796, 0.25768, 29.234], ['#00ff00', 0.86644, 0.29483, 142.495],
    ['#0000ff', 0.45201, 0.31321, 264.052], ['#00ffff', 0.91, 0.4, 190], // beyond sRGB: clipped
  ])('%s is oklch(%d %d %d)', (hex, lightness, chroma, hue) => expect(oklch(lightness, chroma, hue)).toBe(hex));
  it('has a fill for every name', () => {
    const fills = coloursOf('dark').fills;
    const [root, jit] = colourNames(['total', '[jit]']);
    expect(jit).toBe(root);
    for (const index of colourNames(['total', 'other', '', 'a.b', 'plain', 'x::y'])) expect(fills[index]).toBeTruthy();
  });
});
