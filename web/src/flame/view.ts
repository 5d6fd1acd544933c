// What one flame graph does between renderings: paints its canvas, follows the mouse, moves the
// keyboard's frame. It works on the elements directly, so that none of it waits for React.
import { draw, ROW_HEIGHT, rowOfLevel, type Scene, type View } from './draw';
import { hitTest, neighbour } from './layout';
import type { Numbers } from './numbers';
import type { Tooltip } from './Tooltip';

interface Elements {
  scroller: HTMLElement;
  canvas: HTMLCanvasElement;
  hoverBox: HTMLElement;
  cursorBox: HTMLElement;
  spoken: HTMLElement;
}

export interface Settings {
  scene: Scene;
  numbers: Numbers;
  /** The zoomed frame; 0: none. */
  focus: number;
  alignRight: boolean;
  /** The root stands at the lower edge. */
  inverted: boolean;
  tooltip: { readonly current: Tooltip | null };
  onFocus: (id: number) => void;
  onMenu: (id: number, x: number, y: number) => void;
  onEscape: (() => void) | undefined;
}

const arrows: Record<string, 'up' | 'down' | 'left' | 'right'> = {
  ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right',
};
const opposite = { up: 'down', down: 'up', left: 'left', right: 'right' } as const;

function pixels(width: number, height: number) {
  const ratio = window.devicePixelRatio || 1;
  return { ratio, width: Math.round(width * ratio), height: Math.round(height * ratio) };
}

export class FlameView {
  private cursor = -1;
  private hovered = -1;
  private frame = 0;

  constructor(
    private readonly elements: Elements,
    private settings: Settings,
  ) {
    const { scroller } = elements;
    this.observer = new ResizeObserver(this.resized);
    this.observer.observe(scroller);
    scroller.addEventListener('scroll', this.paintSoon, { passive: true });
    this.begin();
    this.paint();
  }

  private readonly observer: ResizeObserver;

  close() {
    cancelAnimationFrame(this.frame);
    this.observer.disconnect();
    this.elements.scroller.removeEventListener('scroll', this.paintSoon);
  }

  update(settings: Settings) {
    const before = this.settings;
    if (settings === before) return;
    this.settings = settings;
    if (settings.scene.layout !== before.scene.layout) this.begin();
    else if (settings.focus !== before.focus && settings.focus > 0) this.zoom(settings);
    this.paint();
    this.leave();
  }

  /** Takes the callbacks of the newest rendering, without painting. */
  setHandlers({ onFocus, onMenu, onEscape }: Settings) {
    this.settings = { ...this.settings, onFocus, onMenu, onEscape };
  }

  /** Another profile: no frame is the keyboard's. */
  private begin() {
    const { scroller } = this.elements;
    this.cursor = -1;
    if (this.settings.inverted) scroller.scrollTop = scroller.scrollHeight;
    if (this.settings.focus > 0) this.reveal(this.settings.focus, 2);
  }

  /** Shows the zoomed frame; a keyboard's frame that is out of sight now gives its place up. */
  private zoom({ focus, scene: { layout } }: Settings) {
    if (this.cursor >= 0 && (this.cursor < focus || this.cursor >= layout.end[focus]!)) this.setCursor(-1);
    this.reveal(focus, 2);
  }

  private readonly paintSoon = () => {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.paint();
    });
  };

  /** The observer's first call tells a size that was painted already. */
  private readonly resized = () => {
    const { scroller, canvas } = this.elements;
    const { width, height } = pixels(scroller.clientWidth, scroller.clientHeight);
    if (canvas.width !== width || canvas.height !== height) this.paintSoon();
  };

  /** Upside down, a graph lower than its box stands on the box's lower edge: by so many pixels. */
  private lift(): number {
    const { inverted, scene } = this.settings;
    return inverted ? Math.max(0, this.elements.scroller.clientHeight - scene.layout.depth * ROW_HEIGHT) : 0;
  }

  private view(): View {
    const { scroller } = this.elements;
    const { scene: { layout }, focus, inverted, alignRight } = this.settings;
    const from = layout.start[focus] ?? 0;
    return {
      from, to: from + (layout.width[focus] ?? 0), focus, inverted, alignRight,
      width: scroller.clientWidth, height: scroller.clientHeight, scroll: scroller.scrollTop - this.lift(),
    };
  }

  paint() {
    const { canvas } = this.elements;
    const view = this.view();
    const { ratio, width, height } = pixels(view.width, view.height);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.width = `${view.width}px`;
      canvas.style.height = `${view.height}px`;
    }
    const context = canvas.getContext('2d', { alpha: false });
    if (!context) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const began = performance.now();
    canvas.dataset['frames'] = String(draw(context, this.settings.scene, view));
    canvas.dataset['drawMs'] = (performance.now() - began).toFixed(1);
    this.place(this.elements.cursorBox, this.cursor);
  }

  /** Puts a box over a frame, or hides it. */
  private place(box: HTMLElement, id: number) {
    const { layout } = this.settings.scene;
    box.style.display = 'none';
    if (id < 0 || id >= layout.n) return;
    const view = this.view();
    const scale = view.width / (view.to - view.from);
    const left = Math.max(0, (layout.start[id]! - view.from) * scale);
    const right = Math.min(view.width, (layout.start[id]! + layout.width[id]! - view.from) * scale);
    if (right <= left) return;
    const top = rowOfLevel(layout, layout.level[id]!, view.inverted) * ROW_HEIGHT + this.lift();
    box.style.display = 'block';
    box.style.transform = `translate(${left}px, ${top}px)`;
    box.style.width = `${Math.max(1, right - left - 1)}px`;
  }

  /** Scrolls so that the frame and `margin` rows around it can be seen. */
  private reveal(id: number, margin: number) {
    const { layout } = this.settings.scene;
    const { scroller } = this.elements;
    const row = rowOfLevel(layout, layout.level[id]!, this.settings.inverted);
    const top = (row - margin) * ROW_HEIGHT;
    const bottom = (row + 1 + margin) * ROW_HEIGHT;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (bottom > scroller.scrollTop + scroller.clientHeight) scroller.scrollTop = bottom - scroller.clientHeight;
  }

  private at(x: number, y: number): number {
    const { layout } = this.settings.scene;
    const edge = this.elements.scroller.getBoundingClientRect();
    const view = this.view();
    const row = Math.floor((y - edge.top + view.scroll) / ROW_HEIGHT);
    const level = view.inverted ? layout.depth - 1 - row : row;
    return hitTest(layout, level, view.from + ((x - edge.left) / view.width) * (view.to - view.from));
  }

  move(x: number, y: number) {
    const { scene: { layout, names }, numbers, focus, tooltip } = this.settings;
    const id = this.at(x, y);
    if (id < 0) {
      this.leave();
      return;
    }
    this.elements.scroller.style.cursor = 'pointer';
    if (id !== this.hovered) this.place(this.elements.hoverBox, (this.hovered = id));
    tooltip.current?.move({ x, y, name: names[layout.label[id]!]!, rows: numbers.rows(id, focus) });
  }

  leave() {
    this.hovered = -1;
    this.elements.scroller.style.cursor = 'default';
    this.place(this.elements.hoverBox, -1);
    this.settings.tooltip.current?.move(null);
  }

  click(x: number, y: number) {
    const id = this.at(x, y);
    if (id < 0) return;
    this.setCursor(id);
    this.settings.onFocus(id);
  }

  /** Says whether there is a frame to open a menu for. */
  menu(x: number, y: number): boolean {
    const id = this.at(x, y);
    if (id < 0) return false;
    this.leave();
    this.settings.onMenu(id, x, y);
    return true;
  }

  private setCursor(id: number) {
    const { scene: { layout, names }, numbers } = this.settings;
    this.cursor = id;
    if (id >= 0) this.reveal(id, 1);
    this.place(this.elements.cursorBox, id);
    this.elements.spoken.textContent = id < 0 ? '' : `${names[layout.label[id]!]}, ${numbers.spoken(id)}`;
  }

  private step(direction: 'up' | 'down' | 'left' | 'right') {
    const { layout } = this.settings.scene;
    if (this.cursor < 0) {
      this.setCursor(this.settings.focus);
      return;
    }
    const next = neighbour(layout, this.cursor, this.settings.inverted ? opposite[direction] : direction);
    const { from, to } = this.view();
    if (layout.start[next]! < to && layout.start[next]! + layout.width[next]! > from) this.setCursor(next);
  }

  /** Says whether the key meant something here. */
  key(key: string, shift: boolean): boolean {
    const { scene: { layout }, focus, onFocus, onMenu, onEscape } = this.settings;
    const direction = arrows[key];
    if (direction) this.step(direction);
    else if (key === 'Enter' && this.cursor >= 0) onFocus(this.cursor);
    else if (key === 'Backspace' && focus > 0) onFocus(layout.parent[focus]!);
    else if (key === 'Escape') {
      if (focus > 0) onFocus(0);
      else if (this.cursor >= 0) this.setCursor(-1);
      else onEscape?.();
    } else if ((key === 'ContextMenu' || (key === 'F10' && shift)) && this.cursor >= 0) {
      const edge = this.elements.cursorBox.getBoundingClientRect();
      onMenu(this.cursor, edge.left + 8, edge.bottom);
    } else return false;
    return true;
  }
}
