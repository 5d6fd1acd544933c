// The table of a comparison as CSV (RFC 4180).
import type { FunctionsDiff } from '../api/client';

/** Quoted where it must be. A text that a spreadsheet would take for a formula has an apostrophe in front: names come from whoever pushed the profile. */
export function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A row per function, in the order given; values in `unit`. */
export function functionsCsv({ functions = [] }: FunctionsDiff, unit: string): string {
  const header = ['function', ...['baseline self', 'baseline total', 'comparison self', 'comparison total'].map((name) => `${name} (${unit})`)];
  const rows = functions.map(({ name, leftSelf = '0', leftTotal = '0', rightSelf = '0', rightTotal = '0' }) =>
    [csvField(name), leftSelf, leftTotal, rightSelf, rightTotal]);
  return [header, ...rows].map((row) => `${row.join(',')}\r\n`).join('');
}
