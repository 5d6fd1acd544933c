import { describe, expect, it } from 'vitest';
import { buckets } from './buckets';

const minute = 60_000;

describe('buckets', () => {
  const range = { from: 10 * minute, until: 14 * minute };
  it('fills gaps with zero, and scales', () => {
    const series = [{ labels: [], points: [{ time: 11 * minute, value: 4 }, { time: 13 * minute, value: 6 }] }];
    expect(buckets(series, range, 60, 0.5, 60 * minute)).toEqual([[600, 660, 720, 780, 840, 900], [0, 2, 0, 3, 0, 0]]);
  });
  it('adds up several series', () => {
    const one = { labels: [], points: [{ time: 11 * minute, value: 4 }] };
    expect(buckets([one, one], range, 60, 1, 60 * minute)[1][1]).toBe(8);
  });
  it('leaves out the newest buckets while they are not complete', () => {
    const series = [{ labels: [], points: [{ time: 12 * minute, value: 1 }] }];
    expect(buckets(series, range, 60, 1, 14 * minute)[0].at(-1)).toBe(720);
  });
});
