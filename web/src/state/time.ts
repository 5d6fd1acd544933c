// Time ranges: relative ("now-1h") or absolute (milliseconds since the epoch).

export interface Range {
  from: string;
  until: string;
}

const units: Record<string, number> = { s: 1e3, m: 60e3, h: 3600e3, d: 86_400e3, w: 7 * 86_400e3 };

export const quickRanges = [
  ['now-5m', 'Last 5 minutes'], ['now-15m', 'Last 15 minutes'], ['now-30m', 'Last 30 minutes'], ['now-1h', 'Last hour'],
  ['now-3h', 'Last 3 hours'], ['now-6h', 'Last 6 hours'], ['now-12h', 'Last 12 hours'], ['now-24h', 'Last 24 hours'],
  ['now-2d', 'Last 2 days'], ['now-7d', 'Last 7 days'], ['now-30d', 'Last 30 days'],
] as const;

/** Milliseconds of "now", "now-90m", a number of milliseconds or a date; null where it is none of them. */
export function parseTime(text: string, now: number): number | null {
  const trimmed = text.trim();
  if (trimmed === 'now') return now;
  const relative = /^now-(\d+)([smhdw])$/.exec(trimmed);
  if (relative) return now - Number(relative[1]) * units[relative[2]!]!;
  if (/^\d{10,16}$/.test(trimmed)) return Number(trimmed);
  const date = Date.parse(trimmed.replace(' ', 'T'));
  return Number.isNaN(date) ? null : date;
}

export interface Resolved {
  from: number;
  until: number;
}

export function resolveRange(range: Range, now: number): Resolved | null {
  const from = parseTime(range.from, now);
  const until = parseTime(range.until, now);
  return from === null || until === null || from >= until ? null : { from, until };
}

/** The range as the address writes it: whole milliseconds since the epoch, as text. */
export const absoluteRange = ({ from, until }: Resolved): Range => ({ from: String(Math.round(from)), until: String(Math.round(until)) });

const isRelative = (range: Range) => range.until === 'now' && range.from.startsWith('now-');

const pad = (number: number) => String(number).padStart(2, '0');

/** Local time as YYYY-MM-DD HH:MM:SS. */
export function formatTime(ms: number): string {
  const d = new Date(ms);
  return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())} ${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

export function formatRange(range: Range): string {
  if (isRelative(range)) return quickRanges.find(([from]) => from === range.from)?.[1] ?? `${range.from} to now`;
  const side = (text: string) => (/^\d+$/.test(text) ? formatTime(Number(text)) : text);
  const [from, until] = [side(range.from), side(range.until)];
  return from.slice(0, 10) === until.slice(0, 10) ? `${from} – ${until.slice(11)}` : `${from} – ${until}`;
}

export function formatDuration(ms: number): string {
  for (const [factor, name] of [[units['d']!, 'd'], [units['h']!, 'h'], [units['m']!, 'min'], [units['s']!, 's']] as const)
    if (ms >= factor) return `${+(ms / factor).toFixed(1)} ${name}`;
  return `${Math.round(ms)} ms`;
}

/** Twice the range around its middle, never beyond now. */
export function zoomOut({ from, until }: Resolved, now: number): Resolved {
  const half = until - from;
  const middle = (from + until) / 2;
  const right = Math.min(Math.round(middle + half), now);
  return { from: Math.max(0, Math.round(right - 2 * half)), until: right };
}

/** Seconds per bucket: about 240 buckets, never below the agent's window of 15 s. */
export function timelineStep({ from, until }: Resolved): number {
  const wanted = (until - from) / 1000 / 240;
  const steps = [15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
  return steps.find((step) => step >= wanted) ?? 604_800;
}
