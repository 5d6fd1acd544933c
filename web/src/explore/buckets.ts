// The points of a timeline, and the words of its axis.
import type { Series } from '../api/client';
import type { Resolved } from '../state/time';

/** Buckets from edge to edge; those without data are zero, and the newest are left out while they are not complete. */
export function buckets(series: Series[], range: Resolved, step: number, factor: number, now: number): [number[], number[]] {
  const ms = step * 1000;
  const sums = new Map<number, number>();
  for (const { points } of series) for (const { time, value } of points) sums.set(time, (sums.get(time) ?? 0) + value);
  const newest = Math.max(0, ...sums.keys());
  const times: number[] = [];
  const values: number[] = [];
  for (let t = Math.floor(range.from / ms) * ms; t <= range.until + ms; t += ms) {
    const value = sums.get(t);
    if (t > newest && t > now - 2 * ms - 15_000) break;
    if (t > now && sums.size > 1) break;
    times.push(t / 1000);
    values.push((value ?? 0) * factor);
  }
  return [times, values];
}

const two = (number: number) => String(number).padStart(2, '0');

/** Local time of a tick; its date where the day begins, its seconds where ticks are that close. */
export function timeTick(seconds: number, before: number | undefined): string {
  const d = new Date(seconds * 1000);
  const midnight = d.getHours() === 0 && d.getMinutes() === 0 && d.getSeconds() === 0;
  if (midnight || (before !== undefined && seconds - before >= 86_400)) return `${two(d.getMonth() + 1)}-${two(d.getDate())}`;
  const minutes = `${two(d.getHours())}:${two(d.getMinutes())}`;
  return d.getSeconds() === 0 ? minutes : `${minutes}:${two(d.getSeconds())}`;
}
