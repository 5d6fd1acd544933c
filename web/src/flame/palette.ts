// Colours of frames: one hue per package, warm hues where a name has none, grey for what is no function.

export type Theme = 'light' | 'dark';

/** The module, package, crate, namespace or class path of a function's name; '' where it has none. */
export function packageOf(name: string): string {
  const address = name.indexOf('+0x');
  if (address > 0) return name.slice(0, address); // a module's frame without a symbol
  const head = name.replace(/[<([].*$/s, '');
  const colons = head.indexOf('::');
  if (colons > 0) return head.slice(0, colons);
  const slash = name.lastIndexOf('/', name.search(/[([]/) < 0 ? undefined : name.search(/[([]/));
  if (slash >= 0) {
    const dot = name.indexOf('.', slash);
    return dot > 0 ? name.slice(0, dot) : name.slice(0, slash);
  }
  const dot = head.indexOf('.');
  return dot > 0 ? head.slice(0, dot) : '';
}

const packageHues = [205, 160, 255, 130, 290, 185, 330, 105, 230, 310, 145, 270];
const plainHues = [38, 52, 64, 76, 88, 45, 58, 70];
export const NEUTRAL = packageHues.length + plainHues.length;
export const MUTED = NEUTRAL + 1;

function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return (value ^ (value >>> 15)) >>> 0;
}

/** One index into the fills per name. */
export function colourNames(names: string[]): Uint8Array {
  const index = new Uint8Array(names.length);
  names.forEach((name, i) => {
    if (i === 0 || name === 'other' || name === '' || name.startsWith('[')) { // no function: [jit], [truncated: …]
      index[i] = NEUTRAL;
      return;
    }
    const group = packageOf(name);
    index[i] = group === '' ? packageHues.length + (hash(name) % plainHues.length) : hash(group) % packageHues.length;
  });
  return index;
}

export interface Colours {
  fills: string[];
  text: string;
  mutedText: string;
  background: string;
}

export function coloursOf(theme: Theme): Colours {
  const dark = theme === 'dark';
  const fill = (hue: number, chroma: number) => `oklch(${dark ? 0.72 : 0.82} ${chroma} ${hue})`;
  return {
    fills: [
      ...packageHues.map((hue) => fill(hue, dark ? 0.085 : 0.08)),
      ...plainHues.map((hue) => fill(hue, dark ? 0.115 : 0.11)),
      dark ? '#878d99' : '#c9ccd3',
      dark ? '#31353e' : '#e9eaed',
    ],
    text: '#14161a',
    mutedText: dark ? '#8b919d' : '#70757f',
    background: dark ? '#1a1d23' : '#ffffff',
  };
}
