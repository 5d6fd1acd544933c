import { describe, expect, it } from 'vitest';
import { type Columns, decodeColumns, type Tree } from './columns';
import { csvField, functionsCsv } from './csv';
import { changeStep, combined, diffScene, diffTotals, sharesByName, sortedShares } from './diff';
import { encodeColumns } from './encode.testing';
import { layOut } from './layout';
import { diffNumbers } from './numbers';
import { coloursOf, DIFF_STEPS, SAME } from './palette';
import { sandwich } from './sandwich';

// left 10: a 6 { b 2 }, gone 4; right 20: a 12 { b 10 }, new 8
function sample(): Columns & Required<Pick<Columns, 'right'>> {
  const columns: Columns = {
    names: ['total', 'a', 'b', 'gone', 'new'],
    label: Uint32Array.of(0, 1, 2, 3, 4), level: Uint32Array.of(0, 1, 2, 1, 1),
    value: Float64Array.of(10, 6, 2, 4, 0), self: Float64Array.of(0, 4, 2, 4, 0),
    right: { value: Float64Array.of(20, 12, 10, 0, 8), self: Float64Array.of(0, 2, 10, 0, 8) },
    meta: { total: '10', unit: 'nanoseconds', profile_type: 'process_cpu:cpu:nanoseconds:cpu:nanoseconds', start_ms: 0, end_ms: 0, truncated: false, partial: false },
  };
  const decoded = decodeColumns(encodeColumns(columns));
  return { ...decoded, right: decoded.right! };
}

describe('a diff', () => {
  it('has both sides in its columns', () => {
    const { right, value, names } = sample();
    expect([...value]).toEqual([10, 6, 2, 4, 0]);
    expect([...right.value]).toEqual([20, 12, 10, 0, 8]);
    expect([...right.self]).toEqual([0, 2, 10, 0, 8]);
    expect(names[4]).toBe('new');
  });
  it('is as wide as both shares', () => {
    const c = sample();
    const layout = layOut(combined(c, c.right));
    const shown = Array.from(layout.width, (width) => +width.toFixed(3));
    expect(shown).toEqual([2, 1.2, 0.7, 0.4, 0.4]);
    expect(+layout.start[4]!.toFixed(3)).toBe(1.6);
  });
  it('has a side without profiles', () => {
    const c = sample();
    const none = { value: new Float64Array(5), self: new Float64Array(5) };
    expect([...combined(c, none)['value']].map((width) => +width.toFixed(3))).toEqual([1, 0.6, 0.2, 0.4, 0]);
    expect(diffNumbers(c, none, c.meta.unit).spoken(1)).toBe('baseline 6 ns, 60.0 %, comparison 0 s, 0 %, change −60.0 pp');
  });
  it.each([
    [0.5, 0.5, 0], [0.5, 0.52, 0], [0.5, 0.55, 1], [0.5, 0.45, -1], [0.2, 0.3, 2], [0.2, 0.4, 3], [0.4, 0.2, -3], [0.1, 0.4, 4],
    [0, 0.1, 4], [0.1, 0, -4], [0, 0, 0],
  ])('from %d to %d is step %d', (before, after, step) => expect(changeStep(before, after)).toBe(step));
  it('colours by share, and writes the sign', () => {
    const c = sample();
    const scene = diffScene(c, c.right);
    expect([...scene.colour].map((colour) => colour - SAME)).toEqual([0, 0, 3, -4, 4]);
    expect([0, 1, 2, 3, 4].map(scene.note)).toEqual(['', '', '+30.0 pp', '−40.0 pp', '+40.0 pp']);
  });
  it('tells both values, shares and changes of a frame', () => {
    const c = sample();
    expect(diffNumbers(c, c.right, c.meta.unit).rows(2, 0)).toEqual([
      ['', 'Baseline', 'Comparison', 'Change'],
      ['Total', '2 ns', '10 ns', '+400 %'], ['of all', '20.0 %', '50.0 %', '+30.0 pp'],
      ['Self', '2 ns', '10 ns', '+400 %'], ['of all', '20.0 %', '50.0 %', '+30.0 pp'],
    ]);
  });
  it('has a sandwich with both sides, the wider share first', () => {
    // left 100: main 100 { f 60 { b 10, a 50 }, c 40 { f 40 { a 40 } } }; right 10: main { f 9 { b 8, a 1 }, c 1 }
    const c: Columns = {
      ...sample(), names: ['total', 'main', 'f', 'b', 'a', 'c'],
      label: Uint32Array.of(0, 1, 2, 3, 4, 5, 2, 4), level: Uint32Array.of(0, 1, 2, 3, 3, 2, 3, 4),
      value: Float64Array.of(100, 100, 60, 10, 50, 40, 40, 40), self: Float64Array.of(0, 0, 0, 10, 50, 0, 0, 40),
      right: { value: Float64Array.of(10, 10, 9, 8, 1, 1, 0, 0), self: Float64Array.of(0, 0, 0, 8, 1, 1, 0, 0) },
    };
    const { callees, callers } = sandwich(c, 2);
    const rows = (tree: Tree) => Array.from(tree.label, (label, i) => [c.names[label], tree.level[i], tree.value[i], tree.right!.value[i]]);
    expect(rows(callees)).toEqual([['f', 0, 100, 9], ['a', 1, 90, 1], ['b', 1, 10, 8]]);
    expect(rows(callers)).toEqual([['f', 0, 100, 9], ['main', 1, 60, 9], ['c', 1, 40, 0], ['main', 2, 40, 0]]);
    expect([...callees.right!.self]).toEqual([0, 1, 8]);
    expect([...callers.right!.self]).toEqual([0, 9, 0, 0]);
    const more = sandwich({ ...c, right: { value: c.right!.value.map((_, i) => [10, 10, 10, 9.5, 0.5, 0, 0, 0][i]!), self: c.right!.self } }, 2);
    expect(Array.from(more.callees.label, (label) => c.names[label])).toEqual(['f', 'b', 'a']); // 0.1 + 0.95 of all, and 0.9 + 0.05
    // Shares of the half are those of the whole profiles.
    expect(diffNumbers(callees, callees.right!, 'nanoseconds', [100, 10]).spoken(2)).toBe('baseline 10 ns, 10.0 %, comparison 8 ns, 80.0 %, change +70.0 pp');
    expect(diffScene(callees, callees.right!, [100, 10]).note(1)).toBe('−80.0 pp');
  });
  it('has a table of shares', () => {
    const c = sample();
    const shares = sharesByName(diffTotals(c, c.right), 'self', 10, 20);
    expect(Array.from(shares.change, (change) => +change.toFixed(3))).toEqual([0, -0.3, 0.3, -0.4, 0.4]);
    const order = (key: 'name' | 'left' | 'right' | 'change', desc: boolean) =>
      Array.from(sortedShares(shares, c.names, 0, key, desc, null), (row) => c.names[row]);
    expect(order('change', true)).toEqual(['new', 'b', 'a', 'gone']);
    expect(order('change', false)).toEqual(['gone', 'a', 'b', 'new']);
    expect(order('right', true)).toEqual(['b', 'new', 'a', 'gone']);
    expect(order('name', false)).toEqual(['a', 'b', 'gone', 'new']);
  });
});

describe('the table as CSV', () => {
  it.each([
    ['main', 'main'], ['f(int, char)', '"f(int, char)"'], ['operator""_s', '"operator""""_s"'], ['a\nb', '"a\nb"'], ['größe', 'größe'],
    ['=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'], ['-[View draw]', '\'-[View draw]'], ['@plt', '\'@plt'], ['', ''],
  ])('has %j as %j', (text, field) => expect(csvField(text)).toBe(field));
  it('has a row per function, and zeros that JSON leaves out', () => {
    expect(functionsCsv({ functions: [{ name: 'f', leftTotal: '9007199254740993', rightSelf: '1', rightTotal: '1' }] }, 'bytes')).toBe(
      'function,baseline self (bytes),baseline total (bytes),comparison self (bytes),comparison total (bytes)\r\nf,0,9007199254740993,1,1\r\n');
    expect(functionsCsv({}, 'count').split('\r\n')).toHaveLength(2);
  });
});

// Viénot, Brettel and Mollon 1999: what is left of linear sRGB without one kind of cone.
const blindness = {
  protanopia: [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
  deuteranopia: [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
};
const linear = (hex: string) => [1, 3, 5].map((at) => (parseInt(hex.slice(at, at + 2), 16) / 255) ** 2.2);
const seen = (matrix: number[][], hex: string) =>
  matrix.map((row) => Math.max(0, row.reduce((sum, factor, i) => sum + factor * linear(hex)[i]!, 0)) ** (1 / 2.2));
const distance = (a: number[], b: number[]) => Math.hypot(...a.map((x, i) => x - b[i]!));
const luminance = (hex: string) => linear(hex).reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i]!, 0);

describe.each(['light', 'dark'] as const)('the colours of a diff, %s', (theme) => {
  const { fills, text } = coloursOf(theme);
  const fill = (step: number) => fills[SAME + step]!;
  it.each(Object.keys(blindness) as (keyof typeof blindness)[])('stay apart with %s', (kind) => {
    for (let step = 1; step <= DIFF_STEPS; step++) {
      const [less, same, more] = [-step, 0, step].map((at) => seen(blindness[kind], fill(at))) as [number[], number[], number[]];
      expect(distance(less, more)).toBeGreaterThan(0.06 * step + 0.02);
      expect(distance(more, same)).toBeGreaterThan(0.04);
      expect(distance(less, same)).toBeGreaterThan(0.04);
    }
  });
  it('let names be read', () => {
    for (let step = -DIFF_STEPS; step <= DIFF_STEPS; step++)
      expect((luminance(fill(step)) + 0.05) / (luminance(text) + 0.05)).toBeGreaterThan(4.5);
  });
});
