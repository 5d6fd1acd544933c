// Range, zooming out, refreshing.
import { type FormEvent, useId, useState } from 'react';
import { absoluteRange, formatDuration, formatRange, formatTime, parseTime, quickRanges, type Range, type Resolved, zoomOut } from '../state/time';
import { type ExploreState, refreshIntervals } from '../state/url';
import { Icon } from '../ui/icons';
import { Popover } from '../ui/popover';
import type { SetState } from './useExplore';

interface Props {
  state: ExploreState;
  range: Resolved | null;
  now: number;
  busy: boolean;
  set: SetState;
  onRefresh: () => void;
}

export function TimePicker({ state, range, now, busy, set, onRefresh }: Props) {
  const shift = (direction: number) => {
    if (!range) return;
    const by = (direction * (range.until - range.from)) / 2;
    set(absoluteRange({ from: range.from + by, until: range.until + by }));
  };
  return (
    <div className="field time">
      <span className="field-label">Time</span>
      <div className="time-row">
        <button type="button" className="tool" title="Earlier" aria-label="Earlier" disabled={!range} onClick={() => shift(-1)}><Icon name="left" /></button>
        <RangeButton label="Time range" range={state} resolved={range} now={now} onChange={set} />
        <button type="button" className="tool" title="Later" aria-label="Later" disabled={!range} onClick={() => shift(1)}><Icon name="right" /></button>
        <button type="button" className="tool" title="Zoom out" aria-label="Zoom out" disabled={!range}
          onClick={() => range && set(absoluteRange(zoomOut(range, Date.now())))}><Icon name="zoomOut" /></button>
        <span className="refresh">
          <button type="button" className={`tool${busy ? ' busy' : ''}`} title="Refresh (r)" aria-label="Refresh" onClick={onRefresh}><Icon name="refresh" /></button>
          <select aria-label="Refresh automatically" title="Refresh automatically" value={state.refresh} onChange={(event) => set({ refresh: Number(event.target.value) }, true)}>
            {refreshIntervals.map((seconds) => (
              <option key={seconds} value={seconds}>{seconds === 0 ? 'off' : formatDuration(seconds * 1000)}</option>
            ))}
          </select>
        </span>
      </div>
    </div>
  );
}

export function RangeButton(props: { label: string; range: Range; resolved: Resolved | null; now: number; onChange: (range: Range) => void }) {
  const { label, range, resolved, now, onChange } = props;
  return (
    <Popover label={label} alignEnd buttonClass="range-button" title={resolved ? `${formatTime(resolved.from)} – ${formatTime(resolved.until)}` : undefined}
      button={<><Icon name="clock" /> <span>{formatRange(range)}</span></>}>
      {(close) => (
        <RangeForm range={range} resolved={resolved} now={now}
          onChange={(next) => {
            onChange(next);
            close();
          }}
        />
      )}
    </Popover>
  );
}

function RangeForm(props: { range: Range; resolved: Resolved | null; now: number; onChange: (range: Range) => void }) {
  const id = useId();
  const shown = (text: string) => (/^\d+$/.test(text) ? formatTime(Number(text)) : text);
  const [from, setFrom] = useState(shown(props.range.from));
  const [until, setUntil] = useState(shown(props.range.until));
  const [error, setError] = useState('');
  const apply = (event: FormEvent) => {
    event.preventDefault();
    const now = Date.now();
    const [left, right] = [parseTime(from, now), parseTime(until, now)];
    if (left === null || right === null)
      setError(`“${left === null ? from : until}” is no time. Write now, now-2h, or 2026-01-31 14:00.`);
    else if (left >= right) setError('The range ends before it begins.');
    else {
      const keep = (text: string, ms: number) => (text.trim().startsWith('now') ? text.trim() : String(ms));
      props.onChange({ from: keep(from, left), until: keep(until, right) });
    }
  };
  return (
    <div className="range-form">
      <form onSubmit={apply} aria-label="Absolute range">
        <label htmlFor={`${id}-from`}>From</label>
        <input id={`${id}-from`} value={from} autoFocus spellCheck={false} aria-describedby={`${id}-error`} onChange={(event) => setFrom(event.target.value)} />
        <label htmlFor={`${id}-until`}>Until</label>
        <input id={`${id}-until`} value={until} spellCheck={false} aria-describedby={`${id}-error`} onChange={(event) => setUntil(event.target.value)} />
        <p className="hint">now, now-90m, or a local time such as {formatTime(props.now).slice(0, 16)}</p>
        <p className="field-error" id={`${id}-error`} role="alert">{error}</p>
        <button type="submit" className="primary">Apply</button>
      </form>
      <ul aria-label="Quick ranges">
        {quickRanges.map(([value, text]) => (
          <li key={value}>
            <button type="button" aria-pressed={props.range.from === value && props.range.until === 'now'} onClick={() => props.onChange({ from: value, until: 'now' })}>{text}</button>
          </li>
        ))}
      </ul>
    </div>
  );
}
