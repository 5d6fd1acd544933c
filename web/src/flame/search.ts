// Search over names, not nodes: one byte per name says whether it matches.
import type { Tree } from './columns';

export interface Search {
  matches: Uint8Array;
  names: number;
  /** The text was no regular expression and was looked for as it stands. */
  literal: boolean;
}

export function searchNames(names: string[], text: string): Search | null {
  if (text === '') return null;
  let test: (name: string) => boolean;
  let literal = false;
  try {
    const pattern = new RegExp(text, 'i');
    test = (name) => pattern.test(name);
  } catch {
    const lower = text.toLowerCase();
    test = (name) => name.toLowerCase().includes(lower);
    literal = true;
  }
  const matches = new Uint8Array(names.length);
  let count = 0;
  names.forEach((name, i) => {
    if (test(name)) {
      matches[i] = 1;
      count++;
    }
  });
  return { matches, names: count, literal };
}

/** The value below matching frames; a match inside of a match is counted once; the root is no match. */
export function matchedValue(tree: Tree, end: Int32Array, matches: Uint8Array, from = 1, to = tree.label.length): number {
  let sum = 0;
  for (let i = from; i < to; ) {
    if (matches[tree.label[i]!]) {
      sum += tree.value[i]!;
      i = end[i]!;
    } else i++;
  }
  return sum;
}

export const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
