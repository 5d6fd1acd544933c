// One side of a comparison: what it selects, and its values over time.
import type { ReactNode } from 'react';
import { ApiError } from '../api/client';
import { Selector } from '../explore/Selector';
import { Timeline } from '../explore/Timeline';
import { useTimeline } from '../explore/useTimeline';
import type { FlameTree } from '../flame/useTree';
import { fullSelector } from '../state/selector';
import { formatTime, type Resolved, timelineStep, zoomOut } from '../state/time';
import { Combobox, type Option } from '../ui/combobox';
import type { Chosen } from './baseline';

interface Props {
  kind: 'baseline' | 'comparison';
  title: string;
  tenant: string;
  type: string;
  ready: boolean;
  chosen: Chosen;
  services: Option[];
  busy: boolean;
  range: Resolved;
  now: number;
  /** The total of the side, as text. */
  total: string;
  /** Its zoomed frame is what the values over time are of. */
  tree: FlameTree | null;
  onChoose: (chosen: Partial<Chosen>) => void;
  onRange: (range: Resolved) => void;
  /** Its picker of time. */
  children: ReactNode;
}

export function Side(props: Props) {
  const { kind, title, tenant, type, ready, chosen, range, now, tree } = props;
  const series = useTimeline({ tenant, type, selector: fullSelector(chosen.service, chosen.labels), range, callSite: tree?.callSite ?? [] }, ready);
  const refused = series.error instanceof ApiError && series.error.refused ? series.error.message : '';
  return (
    <section className={`side ${kind}`} aria-label={title}>
      <div className="side-head">
        <h2>{title}</h2>
        <b>{props.total}</b>
        <span className="side-range" title={`${formatTime(range.from)} – ${formatTime(range.until)}`}>{formatTime(range.from)} – {formatTime(range.until)}</span>
        {props.children}
      </div>
      <div className="pickers">
        <Combobox label="Service" className="service" value={chosen.service} busy={props.busy} options={props.services}
          empty="No such service in this time range" onChange={(service) => props.onChoose({ service })} />
        <Selector tenant={tenant} service={chosen.service} labels={chosen.labels} range={range} error={chosen.labels === '' ? '' : refused}
          onChange={(labels) => props.onChoose({ labels })} />
      </div>
      {series.data && (
        <Timeline label={`Timeline of the ${kind}`} series={series.data} stale={series.isPlaceholderData} frame={tree?.frame ?? ''} type={type} step={timelineStep(range)} range={range} now={now}
          onSelect={props.onRange} onZoomOut={() => props.onRange(zoomOut(range, Date.now()))} />
      )}
    </section>
  );
}
