// One flame graph on a canvas. React renders the frame around it; drawing, hover and the keyboard's
// frame work on the elements directly.
import { type KeyboardEvent, type MouseEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import { formatExact, formatShare, formatValue } from '../state/format';
import { draw, ROW_HEIGHT, rowOfLevel, type Scene, type View } from './draw';
import { hitTest, type Layout, neighbour } from './layout';
import { coloursOf, type Theme } from './palette';
import { moveTooltip, type Tooltip } from './Tooltip';

export interface FlameCanvasProps {
  id: string;
  /** Said to screen readers. */
  label: string;
  layout: Layout;
  self: Float64Array;
  names: string[];
  colour: Uint8Array;
  matches: Uint8Array | null;
  unit: string;
  /** What shares are relative to. */
  total: number;
  focus: number;
  alignRight: boolean;
  inverted?: boolean;
  theme: Theme;
  tooltip: React.RefObject<Tooltip | null>;
  onFocus: (id: number) => void;
  onMenu: (id: number, x: number, y: number) => void;
  onEscape: () => void;
}

const arrows = { ArrowUp: 'up', ArrowDown: 'down', ArrowLeft: 'left', ArrowRight: 'right' } as const;
const invertedArrows = { ...arrows, ArrowUp: 'down', ArrowDown: 'up' } as const;

export function FlameCanvas(props: FlameCanvasProps) {
  const { layout, names, focus, inverted = false, unit, total } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const hoverBox = useRef<HTMLDivElement>(null);
  const cursorBox = useRef<HTMLDivElement>(null);
  const spoken = useRef<HTMLDivElement>(null);
  const cursor = useRef(-1);
  const hovered = useRef(-1);

  const textWidth = useMemo(() => new Float32Array(names.length), [names]);
  const scene: Scene = useMemo(
    () => ({ layout, names, colour: props.colour, matches: props.matches, colours: coloursOf(props.theme), textWidth }),
    [layout, names, props.colour, props.matches, props.theme, textWidth],
  );
  const zoomed = focus > 0 && focus < layout.n ? focus : 0;
  const from = layout.start[zoomed] ?? 0;
  const to = from + (layout.width[zoomed] ?? 0);

  const viewNow = useCallback((): View => {
    const box = scroller.current!;
    const scroll = box.scrollTop - lift(box, layout, inverted);
    return { from, to, focus: zoomed, width: box.clientWidth, height: box.clientHeight, scroll, inverted, alignRight: props.alignRight };
  }, [layout, from, to, zoomed, inverted, props.alignRight]);

  const place = useCallback((box: HTMLDivElement | null, id: number) => {
    if (!box) return;
    if (id < 0 || id >= layout.n) {
      box.style.display = 'none';
      return;
    }
    const view = viewNow();
    const scale = view.width / (view.to - view.from);
    const left = Math.max(0, (layout.start[id]! - view.from) * scale);
    const right = Math.min(view.width, (layout.start[id]! + layout.width[id]! - view.from) * scale);
    const visible = right > left;
    box.style.display = visible ? 'block' : 'none';
    const top = rowOfLevel(layout, layout.level[id]!, inverted) * ROW_HEIGHT + lift(scroller.current!, layout, inverted);
    box.style.transform = `translate(${left}px, ${top}px)`;
    box.style.width = `${Math.max(1, right - left - 1)}px`;
  }, [layout, viewNow, inverted]);

  const paint = useCallback(() => {
    const element = canvas.current;
    const box = scroller.current;
    if (!element || !box) return;
    const view = viewNow();
    const ratio = window.devicePixelRatio || 1;
    const width = Math.round(view.width * ratio);
    const height = Math.round(view.height * ratio);
    if (element.width !== width || element.height !== height) {
      element.width = width;
      element.height = height;
      element.style.width = `${view.width}px`;
      element.style.height = `${view.height}px`;
    }
    const context = element.getContext('2d', { alpha: false })!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    const began = performance.now();
    element.dataset['frames'] = String(draw(context, scene, view));
    element.dataset['drawMs'] = (performance.now() - began).toFixed(1);
    place(cursorBox.current, cursor.current);
  }, [scene, viewNow, place]);

  useLayoutEffect(() => {
    paint();
    place(hoverBox.current, -1);
    hovered.current = -1;
    moveTooltip(props.tooltip.current, null);
  }, [paint, place, props.tooltip]);

  useEffect(() => {
    const box = scroller.current!;
    let wanted = 0;
    const later = () => {
      wanted ||= requestAnimationFrame(() => {
        wanted = 0;
        paint();
      });
    };
    const observer = new ResizeObserver(later);
    observer.observe(box);
    box.addEventListener('scroll', later, { passive: true });
    return () => {
      cancelAnimationFrame(wanted);
      observer.disconnect();
      box.removeEventListener('scroll', later);
    };
  }, [paint]);

  // Another profile: no frame is focused by the keyboard. Upside down, the root stands at the lower
  // edge: begin there.
  useLayoutEffect(() => {
    if (inverted) scroller.current!.scrollTop = scroller.current!.scrollHeight;
    cursor.current = -1;
    cursorBox.current!.style.display = 'none';
  }, [layout, inverted]);

  // Bring the zoomed frame into sight.
  useLayoutEffect(() => {
    if (zoomed > 0) reveal(scroller.current!, rowOfLevel(layout, layout.level[zoomed]!, inverted), 2);
  }, [zoomed, layout, inverted]);

  const at = (event: { clientX: number; clientY: number }): number => {
    const box = scroller.current!;
    const edge = box.getBoundingClientRect();
    const row = Math.floor((event.clientY - edge.top + box.scrollTop - lift(box, layout, inverted)) / ROW_HEIGHT);
    const level = inverted ? layout.depth - 1 - row : row;
    return hitTest(layout, level, from + ((event.clientX - edge.left) / box.clientWidth) * (to - from));
  };

  const onMove = (event: MouseEvent) => {
    const id = at(event);
    scroller.current!.style.cursor = id >= 0 ? 'pointer' : 'default';
    if (id !== hovered.current) {
      hovered.current = id;
      place(hoverBox.current, id);
    }
    moveTooltip(props.tooltip.current, id < 0 ? null : {
      x: event.clientX, y: event.clientY, name: names[layout.label[id]!]!,
      total: `${formatValue(layout.width[id]!, unit)} (${formatShare(layout.width[id]!, total)})`,
      self: `${formatValue(props.self[id]!, unit)} (${formatShare(props.self[id]!, total)})`,
      exact: formatExact(layout.width[id]!, unit),
      zoom: zoomed > 0 ? formatShare(layout.width[id]!, layout.width[zoomed]!) : '',
    });
  };
  const onLeave = () => {
    hovered.current = -1;
    place(hoverBox.current, -1);
    moveTooltip(props.tooltip.current, null);
  };

  const setCursor = (id: number) => {
    cursor.current = id;
    if (id >= 0) reveal(scroller.current!, rowOfLevel(layout, layout.level[id]!, inverted), 1);
    place(cursorBox.current, id);
    spoken.current!.textContent = id < 0 ? '' :
      `${names[layout.label[id]!]}, total ${formatValue(layout.width[id]!, unit)}, ${formatShare(layout.width[id]!, total)}, self ${formatValue(props.self[id]!, unit)}`;
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const id = cursor.current;
    const direction = (inverted ? invertedArrows : arrows)[event.key as keyof typeof arrows];
    if (direction) {
      if (id < 0) setCursor(zoomed);
      else {
        const next = neighbour(layout, id, direction);
        const inside = layout.start[next]! < to && layout.start[next]! + layout.width[next]! > from;
        if (inside) setCursor(next);
      }
    } else if (event.key === 'Enter' && id >= 0) props.onFocus(id);
    else if (event.key === 'Backspace' && zoomed > 0) props.onFocus(layout.parent[zoomed]!);
    else if (event.key === 'Escape') {
      if (zoomed > 0) props.onFocus(0);
      else if (id >= 0) setCursor(-1);
      else props.onEscape();
    } else if ((event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) && id >= 0) {
      const edge = cursorBox.current!.getBoundingClientRect();
      props.onMenu(id, edge.left + 8, edge.bottom);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div
      ref={scroller}
      id={props.id}
      className="flame-scroll"
      role="application"
      aria-roledescription="flame graph"
      aria-label={`${props.label}. Arrow keys move through the frames, Enter zooms, Escape zooms out.`}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onMouseMove={onMove}
      onMouseLeave={onLeave}
      onClick={(event) => {
        const id = at(event);
        if (id < 0) return;
        setCursor(id);
        props.onFocus(id);
      }}
      onContextMenu={(event) => {
        const id = at(event);
        if (id < 0) return;
        event.preventDefault();
        onLeave();
        props.onMenu(id, event.clientX, event.clientY);
      }}
    >
      <div className="flame-space" style={{ height: layout.depth * ROW_HEIGHT }}>
        <canvas ref={canvas} role="img" aria-label={`${props.label}. The table of functions has the same numbers.`} />
        <div ref={hoverBox} className="hover-box" />
        <div ref={cursorBox} className="cursor-box" />
      </div>
      <div ref={spoken} className="sr-only" role="status" />
    </div>
  );
}

/** Upside down, a graph lower than its box stands on the box's lower edge. */
const lift = (box: HTMLElement, layout: Layout, inverted: boolean) =>
  inverted ? Math.max(0, box.clientHeight - layout.depth * ROW_HEIGHT) : 0;

/** Scrolls so that the row, and some around it, can be seen. */
function reveal(box: HTMLElement, row: number, margin: number) {
  const top = (row - margin) * ROW_HEIGHT;
  const bottom = (row + 1 + margin) * ROW_HEIGHT;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (bottom > box.scrollTop + box.clientHeight) box.scrollTop = bottom - box.clientHeight;
}
