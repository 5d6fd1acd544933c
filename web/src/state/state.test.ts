import { describe, expect, it } from 'vitest';
import { formatChange, formatPoints, formatRate, formatShare, formatValue, isGauge, profileTypeName, timelineScale } from './format';
import { formatSelector, fullSelector, parseSelector } from './selector';
import { absoluteRange, formatDuration, formatRange, parseTime, resolveRange, timelineStep, zoomOut } from './time';
import { defaultState, formatState, parseState } from './url';

const cpu = 'process_cpu:cpu:nanoseconds:cpu:nanoseconds';

describe('values', () => {
  it.each([
    [0, 'nanoseconds', '0 s'], [950, 'nanoseconds', '950 ns'], [1500, 'nanoseconds', '1.50 µs'],
    [12_345_678, 'nanoseconds', '12.3 ms'], [2.5e9, 'nanoseconds', '2.50 s'], [90e9, 'nanoseconds', '1.50 min'],
    [7200e9, 'nanoseconds', '2 h'], [200_000e9, 'nanoseconds', '2.31 d'], [1.5, 'seconds', '1.50 s'],
    [0, 'bytes', '0 B'], [512, 'bytes', '512 B'], [1536, 'bytes', '1.50 KiB'], [5 * 2 ** 30, 'bytes', '5 GiB'],
    [999, 'count', '999'], [1234, 'count', '1.23 k'], [5_600_000, 'objects', '5.60 M'], [0.5, 'count', '0.50'],
  ])('%d %s is %s', (value, unit, text) => expect(formatValue(value, unit)).toBe(text));
  it('gives shares', () => {
    expect(formatShare(1, 3)).toBe('33.3 %');
    expect(formatShare(1, 100_000)).toBe('< 0.01 %');
    expect(formatShare(5, 5)).toBe('100 %');
    expect(formatShare(1, 50)).toBe('2.00 %');
    expect(formatShare(0, 0)).toBe('0 %');
  });
  it.each([[0.123, '+12.3 pp'], [-0.004, '−0.40 pp'], [0.00001, '+0.00 pp'], [0.0999999, '+10.0 pp'], [0, '0 pp'], [1e-15, '0 pp']])(
    'a difference of %d is %s', (difference, text) => expect(formatPoints(difference)).toBe(text));
  it.each([
    [10, 15, '+50 %'], [100, 101, '+1.0 %'], [8, 2, '−75 %'], [3, 3, '0 %'], [0, 3, 'new'], [3, 0, 'gone'], [0, 0, '0 %'], [1, 40, '×40'],
    [100_000, 100_001, '0 %'],
  ])('%d to %d is %s', (before, after, text) => expect(formatChange(before, after)).toBe(text));
  it('names types and their timelines', () => {
    expect(profileTypeName(cpu)).toBe('CPU time');
    expect(profileTypeName('custom:thing:count:x:y')).toBe('custom · thing');
    expect(isGauge('memory:inuse_space:bytes:space:bytes')).toBe(true);
    expect(isGauge('memory:alloc_space:bytes:space:bytes')).toBe(false);
    expect(timelineScale(cpu, 15)).toEqual({ factor: 1 / 15e9, unit: 'cores', label: 'CPU cores' });
    expect(timelineScale('memory:alloc_space:bytes:space:bytes', 15).factor).toBe(1 / 15);
    expect(formatRate(1.234, 'cores')).toBe('1.23 cores');
    expect(formatRate(2048, 'bytes')).toBe('2 KiB');
  });
});

describe('time', () => {
  const now = 1_700_000_000_000;
  it('reads times', () => {
    expect(parseTime('now', now)).toBe(now);
    expect(parseTime('now-90m', now)).toBe(now - 90 * 60e3);
    expect(parseTime('1700000000000', now)).toBe(now);
    expect(parseTime('2023-11-14 22:13:20Z', now)).toBe(now);
    expect(parseTime('yesterday', now)).toBeNull();
    expect(parseTime('now-1y', now)).toBeNull();
  });
  it('refuses ranges that end before they begin', () => {
    expect(resolveRange({ from: 'now', until: 'now-1h' }, now)).toBeNull();
    expect(resolveRange({ from: 'now-1h', until: 'now' }, now)).toEqual({ from: now - 3600e3, until: now });
  });
  it('zooms out around the middle, never into the future', () => {
    expect(zoomOut({ from: 100, until: 200 }, 1e9)).toEqual({ from: 50, until: 250 });
    expect(zoomOut({ from: now - 100, until: now }, now)).toEqual({ from: now - 200, until: now });
  });
  it('chooses steps', () => {
    expect(timelineStep({ from: now - 3600e3, until: now })).toBe(15);
    expect(timelineStep({ from: now - 86_400e3, until: now })).toBe(600);
  });
  it('writes ranges', () => {
    expect(absoluteRange({ from: now - 0.5, until: now + 0.4 })).toEqual({ from: '1700000000000', until: '1700000000000' });
    expect(resolveRange(absoluteRange({ from: now - 3600e3, until: now }), now + 1)).toEqual({ from: now - 3600e3, until: now });
    expect(formatRange({ from: 'now-1h', until: 'now' })).toBe('Last hour');
    expect(formatRange({ from: 'now-77m', until: 'now' })).toBe('now-77m to now');
    expect(formatDuration(90_000)).toBe('1.5 min');
  });
});

describe('selectors', () => {
  it('reads and writes matchers', () => {
    const matchers = parseSelector('{namespace="shop", pod=~"web-.*",x!="a\\"b"}');
    expect(matchers).toEqual([
      { name: 'namespace', op: '=', value: 'shop' }, { name: 'pod', op: '=~', value: 'web-.*' },
      { name: 'x', op: '!=', value: 'a"b' },
    ]);
    expect(parseSelector(formatSelector(matchers!))).toEqual(matchers);
    expect(parseSelector('')).toEqual([]);
    expect(parseSelector('{}')).toEqual([]);
    expect(parseSelector('{"service.name"="x", "a\\"b"!="y"}')).toEqual([
      { name: 'service.name', op: '=', value: 'x' }, { name: 'a"b', op: '!=', value: 'y' },
    ]);
    expect(formatSelector([{ name: 'service.name', op: '=', value: 'x' }, { name: 'pod', op: '=', value: 'y' }])).toBe('{"service.name"="x", pod="y"}');
    expect(parseSelector('a=~"\\\\d+"')).toEqual([{ name: 'a', op: '=~', value: '\\d+' }]);
  });
  it('says what is not well-formed', () => {
    for (const text of ['{', '{a}', 'a=b', '{a="b" c="d"}', '{a="b}']) expect(parseSelector(text)).toBeNull();
  });
  it('joins the service with the rest, and leaves bad text to the server', () => {
    expect(fullSelector('', '')).toBe('{}');
    expect(fullSelector('a', 'b="c"')).toBe('{service_name="a", b="c"}');
    expect(fullSelector('a', '{b=c}')).toBe('{service_name="a", b=c}');
  });
});

describe('the address', () => {
  it('is empty for the defaults', () => expect(formatState(parseState(''))).toBe(''));
  it('holds every state', () => {
    const state = { ...defaultState, tenant: 't', service: 'a&b', type: cpu, labels: '{x="1"}', from: '1', until: '2', search: '^a|b$',
      sandwich: 'operator()', focus: 'f~1', split: 'table' as const, align: 'right' as const, sort: 'name' as const,
      desc: false, refresh: 15, nodes: 4096,
      leftService: 'b', leftLabels: '', baseline: 'own' as const, leftFrom: '3', leftUntil: '4', measure: 'self' as const, order: 'left' as const };
    expect(parseState(formatState(state))).toEqual(state);
  });
  it('tells a baseline without labels from one that has those of the comparison', () => {
    expect(parseState('?labels={x="1"}').leftLabels).toBeNull();
    expect(parseState('?labels={x="1"}&leftLabels=').leftLabels).toBe('');
    expect(formatState({ ...defaultState, leftLabels: '' })).toBe('?leftLabels=');
  });
  it('takes defaults for nonsense', () =>
    expect(parseState('?split=x&align=y&sort=z&refresh=7&nodes=-1&baseline=x&measure=y&order=z&other=1')).toEqual(defaultState));
});
