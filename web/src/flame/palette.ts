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
const NEUTRAL = packageHues.length + plainHues.length;
export const MUTED = NEUTRAL + 1;
/** The fill of what is the same on both sides of a diff; DIFF_STEPS fills on either side of it say less and more. */
export const SAME = MUTED + 5;
export const DIFF_STEPS = 4;

// Blue and orange stay apart for every common colour blindness; strength goes with chroma and lightness.
const lessHue = 250;
const moreHue = 55;
const diffFills = (dark: boolean): string[] => {
  const step = (hue: number) => (k: number) =>
    dark ? oklch(0.66 + 0.025 * k, 0.025 + 0.03 * k, hue) : oklch(0.92 - 0.06 * k, 0.02 + 0.033 * k, hue);
  return [...[4, 3, 2, 1].map(step(lessHue)), dark ? '#878d99' : '#d4d7dd', ...[1, 2, 3, 4].map(step(moreHue))];
};

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

/** An OKLCH colour (CSS Color 4) as #rrggbb, clipped to sRGB: a canvas reads that at once, and `oklch()` anew for each frame. */
export function oklch(lightness: number, chroma: number, hue: number): string {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const byte = (x: number) => {
    const light = x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055;
    return Math.round(255 * Math.min(1, Math.max(0, light))).toString(16).padStart(2, '0');
  };
  return `#${linear.map(byte).join('')}`;
}

export function coloursOf(theme: Theme): Colours {
  const dark = theme === 'dark';
  const fill = (hue: number, chroma: number) => oklch(dark ? 0.72 : 0.82, chroma, hue);
  return {
    fills: [
      ...packageHues.map((hue) => fill(hue, dark ? 0.085 : 0.08)),
      ...plainHues.map((hue) => fill(hue, dark ? 0.115 : 0.11)),
      dark ? '#878d99' : '#c9ccd3',
      dark ? '#31353e' : '#e9eaed',
      ...diffFills(dark),
    ],
    text: '#14161a',
    mutedText: dark ? '#8b919d' : '#70757f',
    background: dark ? '#1a1d23' : '#ffffff',
  };
}
