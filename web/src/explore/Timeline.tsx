// The total over time, or the values below one frame. Dragging selects a range; a double click zooms out.
import { useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Series } from '../api/client';
import { formatRate, timelineScale } from '../state/format';
import { formatTime, type Resolved } from '../state/time';
import { useTheme } from '../ui/theme';
import { buckets, timeTick } from './buckets';

interface Props {
  label?: string;
  series: Series[];
  /** Those of another selection, until the right ones come. */
  stale: boolean;
  /** Name of the frame whose values these are; '': the total. */
  frame: string;
  type: string;
  step: number;
  range: Resolved;
  now: number;
  onSelect: (range: Resolved) => void;
  onZoomOut: () => void;
}

export function Timeline(props: Props) {
  const { series, type, step, range, now, frame } = props;
  const theme = useTheme();
  const host = useRef<HTMLDivElement>(null);
  const readout = useRef<HTMLSpanElement>(null);
  const scale = useMemo(() => timelineScale(type, step), [type, step]);
  const data = useMemo(() => buckets(series, range, step, scale.factor, now), [series, range, step, scale.factor, now]);
  const handlers = useRef(props);
  handlers.current = props;
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ data, range });
  latest.current = { data, range };

  useEffect(() => {
    const box = host.current!;
    const dark = theme === 'dark';
    const ink = dark ? '#a3a9b5' : '#5b616b';
    const grid = dark ? '#2b2f38' : '#e8e9ec';
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { show: false }, font: '11px system-ui, sans-serif' };
    const say = (index: number | null | undefined, u: uPlot) => {
      const value = index == null ? null : u.data[1]?.[index];
      readout.current!.textContent = value == null || index == null ? '' : `${formatTime(u.data[0][index]! * 1000)}  ${formatRate(value, scale.unit)}`;
    };
    const options: uPlot.Options = {
      width: box.clientWidth,
      height: box.clientHeight,
      legend: { show: false },
      padding: [8, 8, 0, 0],
      cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
      scales: {
        x: { range: () => [latest.current.range.from / 1000, latest.current.range.until / 1000] },
        y: { range: (_, __, max) => [0, max > 0 ? max * 1.08 : 1] },
      },
      axes: [
        { ...axis, size: 26, gap: 8, values: (_, ticks) => ticks.map((tick, i) => timeTick(tick, ticks[i - 1])) },
        { ...axis, size: 76, gap: 6, values: (_, ticks) => ticks.map((tick) => formatRate(tick, scale.unit)), space: 22 },
      ],
      series: [
        {},
        { stroke: dark ? '#ff9d57' : '#d9570c', fill: dark ? '#ff9d5733' : '#f973162e', width: 1.25, paths: uPlot.paths.stepped!({ align: -1 }), points: { show: false } },
      ],
      hooks: {
        setCursor: [(u) => say(u.cursor.idx, u)],
        setSelect: [
          (u) => {
            if (u.select.width < 4) return;
            const from = Math.round(u.posToVal(u.select.left, 'x') * 1000);
            const until = Math.round(u.posToVal(u.select.left + u.select.width, 'x') * 1000);
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            handlers.current.onSelect({ from, until });
          },
        ],
      },
    };
    const u = new uPlot(options, latest.current.data as uPlot.AlignedData, box);
    plot.current = u;
    const zoom = () => handlers.current.onZoomOut();
    u.over.addEventListener('dblclick', zoom);
    const observer = new ResizeObserver(() => u.setSize({ width: box.clientWidth, height: box.clientHeight }));
    observer.observe(box);
    return () => {
      observer.disconnect();
      plot.current = null;
      u.destroy();
    };
  }, [theme, scale]);

  useEffect(() => {
    plot.current?.setData(data as uPlot.AlignedData);
  }, [data]);

  const values = data[1].filter((value) => value > 0);
  const peak = values.reduce((most, value) => Math.max(most, value), 0);
  const mean = values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
  return (
    <section className={`timeline${props.stale ? ' stale' : ''}`} aria-busy={props.stale} aria-label={props.label ?? 'Timeline'}>
      <div className="timeline-head">
        <h2>{scale.label}{frame !== '' && <> of <span className="timeline-frame" title={`Only what lies below the zoomed frame ${frame}`}>{frame}</span></>}</h2>
        <span>mean {formatRate(mean, scale.unit)}</span>
        <span>peak {formatRate(peak, scale.unit)}</span>
        <span className="readout" ref={readout} aria-hidden="true" />
        <span className="hint grow-right">drag to select · double click to zoom out</span>
      </div>
      <div className="timeline-plot" ref={host} role="img"
        aria-label={`${scale.label}${frame === '' ? '' : ` of ${frame}`} from ${formatTime(range.from)} until ${formatTime(range.until)}: mean ${formatRate(mean, scale.unit)}, peak ${formatRate(peak, scale.unit)}. The time picker selects ranges with the keyboard.`} />
    </section>
  );
}
