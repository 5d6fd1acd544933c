// The elements of one flame graph; what happens on them is in view.ts.
import { type RefObject, useLayoutEffect, useMemo, useRef } from 'react';
import { ROW_HEIGHT, type Scene } from './draw';
import type { Layout } from './layout';
import type { Numbers } from './numbers';
import { coloursOf, type Theme } from './palette';
import type { Tooltip } from './Tooltip';
import { FlameView, type Settings } from './view';

interface FlameCanvasProps {
  id: string;
  /** Said to screen readers. */
  label: string;
  layout: Layout;
  numbers: Numbers;
  names: string[];
  colour: Uint8Array;
  diff?: Scene['diff'];
  matches: Uint8Array | null;
  focus: number;
  alignRight: boolean;
  inverted?: boolean;
  theme: Theme;
  tooltip: RefObject<Tooltip | null>;
  onFocus: (id: number) => void;
  onMenu: (id: number, x: number, y: number) => void;
  /** Escape where nothing is zoomed and no frame is the keyboard's. */
  onEscape?: () => void;
}

function useSettings(props: FlameCanvasProps): Settings {
  const { layout, names, colour, diff, matches, theme, focus } = props;
  const textWidth = useMemo(() => new Float32Array(names.length), [names]);
  const scene = useMemo(
    () => ({ layout, names, colour, diff, matches, colours: coloursOf(theme), textWidth }),
    [layout, names, colour, diff, matches, theme, textWidth],
  );
  const { numbers, alignRight, inverted = false, tooltip, onFocus, onMenu, onEscape } = props;
  return {
    scene, numbers, alignRight, inverted, onFocus, onMenu, onEscape,
    focus: focus > 0 && focus < layout.n ? focus : 0, tooltip,
  };
}

export function FlameCanvas(props: FlameCanvasProps) {
  const settings = useSettings(props);
  const latest = useRef(settings);
  const view = useRef<FlameView | null>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const hoverBox = useRef<HTMLDivElement>(null);
  const cursorBox = useRef<HTMLDivElement>(null);
  const spoken = useRef<HTMLDivElement>(null);
  latest.current = settings;

  useLayoutEffect(() => {
    const made = new FlameView(
      { scroller: scroller.current!, canvas: canvas.current!, hoverBox: hoverBox.current!, cursorBox: cursorBox.current!, spoken: spoken.current! },
      latest.current,
    );
    view.current = made;
    return () => {
      view.current = null;
      made.close();
    };
  }, []);
  const { scene, numbers, focus, alignRight, inverted } = settings;
  useLayoutEffect(() => view.current?.update(latest.current), [scene, numbers, focus, alignRight, inverted]);
  // Handlers may be new in every rendering; they need no painting.
  useLayoutEffect(() => view.current?.setHandlers(latest.current));

  return (
    <div
      ref={scroller}
      id={props.id}
      className="flame-scroll"
      role="application"
      aria-roledescription="flame graph"
      aria-label={`${props.label}. Arrow keys move through the frames, Enter zooms, Escape zooms out.`}
      tabIndex={0}
      onKeyDown={(event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || !view.current?.key(event.key, event.shiftKey)) return;
        event.preventDefault();
        event.stopPropagation();
      }}
      onMouseMove={(event) => view.current?.move(event.clientX, event.clientY)}
      onMouseLeave={() => view.current?.leave()}
      onClick={(event) => view.current?.click(event.clientX, event.clientY)}
      onContextMenu={(event) => view.current?.menu(event.clientX, event.clientY) && event.preventDefault()}
    >
      <div className="flame-space" style={{ height: props.layout.depth * ROW_HEIGHT }}>
        <canvas ref={canvas} role="img" aria-label={`${props.label}. The table of functions has the same numbers.`} />
        <div ref={hoverBox} className="hover-box" />
        <div ref={cursorBox} className="cursor-box" />
      </div>
      <div ref={spoken} className="sr-only" role="status" />
    </div>
  );
}
