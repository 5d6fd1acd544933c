// Draws what is visible of a flame graph. The cost follows pixels, not nodes: each row is entered by
// binary search, left at its right edge, and runs of frames below a pixel become pale bars.
import { firstVisible, type Layout } from './layout';
import { type Colours, MUTED } from './palette';

export const ROW_HEIGHT = 20;
const TEXT_MIN_WIDTH = 24;
const PADDING = 4;
/** A longer run of narrow frames becomes several bars, so that it does not look like one frame. */
const RUN_WIDTH = 3;

export interface View {
  /** Visible part, in units of the profile. */
  from: number;
  to: number;
  /** The zoomed frame; its ancestors are drawn paler. */
  focus: number;
  /** Pixels. */
  width: number;
  height: number;
  scroll: number;
  /** Roots stand at the bottom. */
  inverted: boolean;
  alignRight: boolean;
}

export interface Scene {
  layout: Layout;
  names: string[];
  /** Fill per name. */
  colour: Uint8Array;
  /** Of a diff, by node. */
  diff?: { colour: Uint8Array; note: (id: number) => string } | undefined;
  /** Matches of the search per name, or null. */
  matches: Uint8Array | null;
  colours: Colours;
  /** Measured text widths per name; 0: not yet. */
  textWidth: Float32Array;
}

const fillOf = (scene: Scene, id: number) => scene.colours.fills[scene.diff ? scene.diff.colour[id]! : scene.colour[scene.layout.label[id]!]!]!;

export const rowOfLevel = (layout: Layout, level: number, inverted: boolean) => (inverted ? layout.depth - 1 - level : level);

/** Returns the number of rectangles drawn. */
export function draw(context: CanvasRenderingContext2D, scene: Scene, view: View): number {
  const { layout } = scene;
  context.fillStyle = scene.colours.background;
  context.fillRect(0, 0, view.width, view.height);
  context.font = FONT;
  context.textBaseline = 'middle';
  if (layout.n === 0 || !(view.to > view.from)) return 0;
  const firstRow = Math.max(0, Math.floor(view.scroll / ROW_HEIGHT));
  const lastRow = Math.min(layout.depth - 1, Math.floor((view.scroll + view.height) / ROW_HEIGHT));
  let drawn = 0;
  for (let row = firstRow; row <= lastRow; row++) {
    const level = view.inverted ? layout.depth - 1 - row : row;
    drawn += drawRow(context, scene, view, layout.rows[level]!, row * ROW_HEIGHT - view.scroll);
  }
  return drawn;
}

const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

function drawRow(context: CanvasRenderingContext2D, scene: Scene, view: View, row: Int32Array, y: number): number {
  const { layout, colours, matches } = scene;
  const scale = view.width / (view.to - view.from);
  let drawn = 0;
  let runFrom = -1;
  let runTo = -1;
  let widest = -1; // of the run: its colour; a match goes before all others
  const isMatch = (id: number) => matches !== null && matches[layout.label[id]!] !== 0;
  const flush = () => {
    if (runFrom < 0) return;
    const match = isMatch(widest);
    context.fillStyle = matches !== null && !match ? colours.fills[MUTED]! : fillOf(scene, widest);
    context.globalAlpha = match ? 1 : 0.6;
    context.fillRect(runFrom, y, Math.max(0.6, runTo - runFrom), ROW_HEIGHT - 1);
    context.globalAlpha = 1;
    runFrom = -1;
    drawn++;
  };
  for (let i = firstVisible(layout, row, view.from); i < row.length; i++) {
    const id = row[i]!;
    if (layout.start[id]! >= view.to) break;
    const left = Math.max(0, (layout.start[id]! - view.from) * scale);
    const right = Math.min(view.width, (layout.start[id]! + layout.width[id]! - view.from) * scale);
    if (right - left < 1) {
      if (runFrom >= 0 && (left - runTo > 1 || right - runFrom > RUN_WIDTH)) flush();
      if (runFrom < 0) {
        runFrom = left;
        widest = id;
      } else if (isMatch(id) === isMatch(widest) ? layout.width[id]! > layout.width[widest]! : isMatch(id)) widest = id;
      runTo = right;
      continue;
    }
    flush();
    drawFrame(context, scene, view, id, left, right - left, y);
    drawn++;
  }
  flush();
  return drawn;
}

function drawFrame(context: CanvasRenderingContext2D, scene: Scene, view: View, id: number, x: number, width: number, y: number) {
  const { layout, colours, matches } = scene;
  const label = layout.label[id]!;
  const muted = matches !== null && matches[label] === 0;
  const above = id < view.focus && layout.end[id]! > view.focus;
  context.fillStyle = muted ? colours.fills[MUTED]! : fillOf(scene, id);
  context.globalAlpha = above ? 0.55 : 1;
  const edge = Math.round(x); // whole pixels: sharp edges
  const covered = Math.max(1, Math.round(x + width) - edge);
  context.fillRect(edge, y, covered > 2 ? covered - 1 : covered, ROW_HEIGHT - 1);
  context.globalAlpha = 1;
  if (width < TEXT_MIN_WIDTH) return;
  context.fillStyle = muted ? colours.mutedText : colours.text;
  const room = width - 2 * PADDING - 1;
  const text = fit(context, scene, label, room, view.alignRight);
  if (text === '') return;
  const right = view.alignRight && text !== scene.names[label];
  context.textAlign = right ? 'right' : 'left';
  context.fillText(text, right ? x + width - PADDING - 1 : x + PADDING, y + ROW_HEIGHT / 2);
  const note = scene.diff && text === scene.names[label] ? scene.diff.note(id) : '';
  if (note === '' || scene.textWidth[label]! + context.measureText(note).width + 3 * PADDING > room) return;
  context.textAlign = 'right';
  context.fillText(note, x + width - PADDING - 1, y + ROW_HEIGHT / 2);
}

/** The name, or as much of its beginning (or end) as there is room for. */
function fit(context: CanvasRenderingContext2D, scene: Scene, label: number, room: number, alignRight: boolean): string {
  const name = scene.names[label]!;
  let full = scene.textWidth[label]!;
  if (full === 0) scene.textWidth[label] = full = context.measureText(name).width;
  if (full <= room) return name;
  let count = Math.floor((name.length * room) / full) - 1;
  if (count < 2) return '';
  const cut = (length: number) => (alignRight ? `…${name.slice(name.length - length)}` : `${name.slice(0, length)}…`);
  while (count > 1 && context.measureText(cut(count)).width > room) count--;
  return cut(count);
}
