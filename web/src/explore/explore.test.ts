import { describe, expect, it } from 'vitest';
import { buckets, timeTick } from './buckets';

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
    const growing = [{ labels: [], points: [{ time: 13 * minute, value: 1 }, { time: 14 * minute, value: 1 }] }];
    expect(buckets(growing, range, 60, 1, 13.5 * minute)[0].at(-1)).toBe(780);
  });
  it('shows the first bucket of all before it is complete', () => {
    const series = [{ labels: [], points: [{ time: 14 * minute, value: 1 }] }];
    expect(buckets(series, range, 60, 1, 13.5 * minute)[1].at(-1)).toBe(1);
  });
});

describe('ticks', () => {
  it('say the time of the day, and the date where it begins', () => {
    const at = (text: string) => Date.parse(text) / 1000;
    expect(timeTick(at('2026-03-04T05:06:00'), undefined)).toBe('05:06');
    expect(timeTick(at('2026-03-04T05:06:15'), undefined)).toBe('05:06:15');
    expect(timeTick(at('2026-03-04T00:00:00'), undefined)).toBe('03-04');
  });
});
