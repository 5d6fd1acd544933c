import { describe, expect, it } from 'vitest';
import { defaultState } from '../state/url';
import { baselineOf, baselineRange, setBaseline, splitByLabel, swapSides } from './baseline';

const now = 1_700_000_000_000;
const right = { from: now - 3600e3, until: now };
const state = { ...defaultState, service: 'a', labels: '{x="1"}' };

describe('the baseline', () => {
  it.each([
    ['before', { from: now - 7200e3, until: now - 3600e3 }], ['same', right],
    ['day', { from: right.from - 86_400e3, until: now - 86_400e3 }], ['week', { from: right.from - 7 * 86_400e3, until: now - 7 * 86_400e3 }],
  ] as const)('has a range: %s', (baseline, range) => expect(baselineRange({ ...state, baseline }, right, now)).toEqual(range));
  it('may have a range of its own', () => {
    expect(baselineRange({ baseline: 'own', leftFrom: 'now-2h', leftUntil: 'now-1h' }, right, now)).toEqual({ from: now - 7200e3, until: now - 3600e3 });
    expect(baselineRange({ baseline: 'own', leftFrom: 'soon', leftUntil: 'now' }, right, now)).toBeNull();
  });
  it('follows the comparison until it is told otherwise', () => {
    expect(baselineOf(state)).toEqual({ service: 'a', labels: '{x="1"}' });
    expect(setBaseline(state, { labels: '' })).toEqual({ leftService: null, leftLabels: '' });
    expect(setBaseline({ ...state, leftLabels: '' }, { labels: '{x="1"}' })).toEqual({ leftService: null, leftLabels: null });
    expect(setBaseline(state, { service: 'b' })).toEqual({ leftService: 'b', leftLabels: null });
  });
});

describe('both sides', () => {
  it('are swapped, twice to where they were', () => {
    const own = { ...state, leftLabels: '{x="2"}' };
    const left = baselineRange(own, right, now)!;
    const once = { ...own, ...swapSides(own, left, right) };
    expect(once).toMatchObject({ service: 'a', labels: '{x="2"}', leftService: null, leftLabels: '{x="1"}', from: String(left.from), leftFrom: String(right.from) });
    expect(baselineRange(once, left, now)).toEqual(right);
    const twice = { ...once, ...swapSides(once, right, left) };
    expect(baselineOf(twice)).toEqual(baselineOf(own));
    expect(twice.labels).toBe(own.labels);
    expect(baselineRange(twice, right, now)).toEqual(left);
  });
  it('can differ by the value of a label', () => {
    expect(splitByLabel({ ...state, labels: '{x="1", y="2"}', leftService: 'b' }, 'y', 'old', 'new')).toEqual({
      leftService: null, labels: '{x="1", y="new"}', leftLabels: '{x="1", y="old"}', baseline: 'same', leftFrom: '', leftUntil: '',
    });
  });
});
