// Pick what to look at; see it over time and as a flame graph.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useMemo } from 'react';
import { ApiError, getFlamegraph, getSeries, getServices, getServiceTotals, getStats, getTenants } from '../api/client';
import { FlamePanel } from '../flame/FlamePanel';
import { formatRate, isGauge, profileTypeName, timelineScale } from '../state/format';
import { fullSelector } from '../state/selector';
import { formatTime, type Resolved, timelineStep, zoomOut } from '../state/time';
import type { ExploreState } from '../state/url';
import { Combobox, type Option } from '../ui/combobox';
import { Notice } from '../ui/parts';
import { GettingStarted } from './GettingStarted';
import { Selector } from './Selector';
import { TimePicker } from './TimePicker';
import { Timeline } from './Timeline';
import { type SetState, useExploreState, useLiveRange } from './useExplore';

const firstTypes = ['process_cpu:cpu:', 'wall:', 'memory:inuse_space:', 'memory:alloc_space:'];

/** The type of the address, else CPU, else the first one. */
function chooseType(wanted: string, types: string[]): string {
  if (wanted !== '') return wanted;
  for (const prefix of firstTypes) {
    const found = types.find((type) => type.startsWith(prefix));
    if (found) return found;
  }
  return types[0] ?? '';
}

function usePickers(state: ExploreState, range: Resolved) {
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: ({ signal }) => getTenants(signal), refetchInterval: 30_000 });
  const known = tenants.data ?? [];
  const tenant = state.tenant !== '' ? state.tenant : known.includes('anonymous') || known.length === 0 ? 'anonymous' : known[0]!;
  const ready = tenants.isSuccess || state.tenant !== '';
  const services = useQuery({
    queryKey: ['services', tenant, range.from, range.until],
    queryFn: ({ signal }) => getServices(tenant, range, signal),
    enabled: ready,
    placeholderData: keepPreviousData,
  });
  const stats = useQuery({
    queryKey: ['stats', tenant],
    queryFn: ({ signal }) => getStats(tenant, signal),
    enabled: ready && services.isSuccess && services.data.size === 0,
    refetchInterval: 5000,
  });
  const types = useMemo(() => {
    const all = new Set<string>();
    for (const [service, list] of services.data ?? [])
      if (state.service === '' || state.service === service) for (const type of list) all.add(type);
    return [...all].sort((a, b) => (profileTypeName(a) < profileTypeName(b) ? -1 : 1));
  }, [services.data, state.service]);
  return { tenants, tenant, services, stats, types, type: chooseType(state.type, types) };
}

export function Explore() {
  const [state, set] = useExploreState();
  const live = useLiveRange(state);
  if (!live.range)
    return (
      <main className="explore">
        <Notice title="The time range of this address cannot be read" kind="error">
          <p><code>{state.from}</code> to <code>{state.until}</code></p>
          <button type="button" className="primary" onClick={() => set({ from: 'now-1h', until: 'now' })}>Show the last hour</button>
        </Notice>
      </main>
    );
  return <ExploreRange state={state} set={set} range={live.range} now={live.now} refresh={live.refresh} />;
}

interface RangeProps {
  state: ExploreState;
  set: SetState;
  range: Resolved;
  now: number;
  refresh: () => void;
}

function ExploreRange({ state, set, range, now, refresh }: RangeProps) {
  const pick = usePickers(state, range);
  const { tenant, type } = pick;
  const selector = fullSelector(state.service, state.labels);
  const step = timelineStep(range);
  const ready = type !== '' && (pick.services.isSuccess || state.type !== '');
  const flame = useQuery({
    queryKey: ['flame', tenant, type, selector, range.from, range.until, state.nodes],
    queryFn: ({ signal }) => getFlamegraph(tenant, { type, selector, range, nodes: state.nodes }, signal),
    enabled: ready,
    placeholderData: keepPreviousData,
    structuralSharing: false,
    gcTime: 20_000, // megabytes each
  });
  const series = useQuery({
    queryKey: ['series', tenant, type, selector, range.from, range.until, step],
    queryFn: ({ signal }) => {
      const grid = { from: Math.floor(range.from / 1000 / step) * step * 1000, until: Math.ceil(range.until / 1000 / step) * step * 1000 };
      return getSeries(tenant, { type, selector, range: grid, step, average: isGauge(type), groupBy: [], limit: 0 }, signal);
    },
    enabled: ready,
    placeholderData: keepPreviousData,
  });

  // Without any data yet, the page shows the first profile by itself.
  const waiting = pick.services.isSuccess && pick.services.data.size === 0;
  useEffect(() => {
    if (!waiting) return undefined;
    const timer = setInterval(refresh, 3000);
    return () => clearInterval(timer);
  }, [waiting, refresh]);

  useEffect(() => {
    document.title = [state.service || 'All services', ...(type === '' ? [] : [profileTypeName(type)]), 'Cresset'].join(' · ');
  }, [state.service, type]);
  const serviceTotals = useQuery({
    queryKey: ['serviceTotals', tenant, type, range.from, range.until],
    queryFn: ({ signal }) => getServiceTotals(tenant, type, range, isGauge(type), signal),
    enabled: ready,
    placeholderData: keepPreviousData,
  });

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, select, textarea, dialog')) return;
      if (event.key === '/') {
        event.preventDefault();
        document.getElementById('search')?.focus();
      } else if (event.key === 'r') refresh();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [refresh]);

  const away = [pick.tenants, pick.services, series, flame].map(({ failureReason }) => failureReason).find(isAway);
  const refused = flame.error instanceof ApiError && flame.error.refused ? flame.error : null;
  const badLabels = refused !== null && state.labels !== '';
  const reset = { focus: '', sandwich: '' };
  const failed = pick.tenants.error ?? pick.services.error;
  return (
    <main className="explore">
      <div className="pickers">
        <Combobox label="Tenant" className="tenant" value={tenant} busy={pick.tenants.isPending} free
          options={(pick.tenants.data ?? []).map((value) => ({ value, text: value }))}
          onChange={(value) => set({ tenant: value, service: '', type: '', labels: '', ...reset })} />
        <Combobox label="Service" className="service" value={state.service} busy={pick.services.isPending}
          options={serviceOptions(pick.services.data, serviceTotals.data, type, range)} empty="No such service in this time range"
          onChange={(service) => set({ service, ...reset })} />
        <Combobox label="Profile type" className="type" value={type} busy={pick.services.isPending}
          options={pick.types.map((id) => ({ value: id, text: profileTypeName(id), hint: id.split(':').slice(0, 3).join(':') }))}
          onChange={(value) => set({ type: value, ...reset })} />
        <Selector tenant={tenant} service={state.service} labels={state.labels} range={range} error={badLabels ? refused.message : ''}
          onChange={(labels) => set({ labels })} />
        <TimePicker state={state} range={range} now={now} busy={flame.isFetching} set={set} onRefresh={refresh} />
      </div>
      {away && <p className="banner" role="alert">The server does not answer. Retrying…</p>}
      {failed && !away && <Notice title="The server refused" kind="error"><p>{failed.message}</p></Notice>}
      {!failed && pick.services.isSuccess && pick.services.data.size === 0 && state.type === ''
        ? <NoServices stats={pick.stats.data} tenant={tenant} state={state} set={set} range={range} />
        : (
          <>
            {ready && series.data && (
              <Timeline series={series.data} type={type} step={step} range={range} now={now}
                onSelect={(next) => set({ from: String(next.from), until: String(next.until) })}
                onZoomOut={() => {
                  const next = zoomOut(range, Date.now());
                  set({ from: String(next.from), until: String(next.until) });
                }} />
            )}
            {!failed && (
              <FlameArea flame={flame} state={state} set={set} range={range} badLabels={badLabels} away={Boolean(away)}
                stale={flame.isPlaceholderData && flame.isFetching} />
            )}
          </>
        )}
    </main>
  );
}

const isAway = (error: Error | null) => error instanceof ApiError && error.retryable;

/** Services with their share of the range: the largest first, then by name. */
function serviceOptions(
  services: Map<string, Set<string>> | undefined, totals: Map<string, number> | undefined, type: string, range: Resolved,
): Option[] {
  const scale = timelineScale(type, (range.until - range.from) / 1000);
  const value = (name: string) => totals?.get(name) ?? 0;
  const names = [...(services?.keys() ?? [])].filter((name) => name !== '');
  names.sort((a, b) => value(b) - value(a) || (a < b ? -1 : 1));
  const options = names.map((name) => ({
    value: name, text: name, ...(value(name) > 0 ? { hint: formatRate(value(name) * scale.factor, scale.unit) } : {}),
  }));
  return [{ value: '', text: 'All services', hint: String(names.length) }, ...options];
}

interface FlameAreaProps {
  flame: ReturnType<typeof useQuery<Awaited<ReturnType<typeof getFlamegraph>>>>;
  state: ExploreState;
  set: SetState;
  range: Resolved;
  badLabels: boolean;
  away: boolean;
  stale: boolean;
}

function FlameArea({ flame, state, set, range, badLabels, away, stale }: FlameAreaProps) {
  if (flame.error)
    return (
      <Notice title={badLabels ? 'The server cannot read the labels' : 'There is no flame graph to show'} kind="error">
        <p>{flame.error.message}</p>
        {state.labels !== '' && <button type="button" className="primary" onClick={() => set({ labels: '' })}>Remove the labels</button>}
      </Notice>
    );
  if (!flame.data) return away ? null : <Notice title="Merging profiles…" kind="busy" />;
  if (!(flame.data.value[0]! > 0))
    return (
      <Notice title="No profile matches">
        <p>Nothing was recorded for this choice between {formatTime(range.from)} and {formatTime(range.until)}.</p>
        <p className="actions">
          <button type="button" onClick={() => {
            const next = zoomOut(range, Date.now());
            set({ from: String(next.from), until: String(next.until) });
          }}>Zoom out</button>
          {state.labels !== '' && <button type="button" onClick={() => set({ labels: '' })}>Remove the labels</button>}
          {state.service !== '' && <button type="button" onClick={() => set({ service: '' })}>Show all services</button>}
          {state.type !== '' && <button type="button" onClick={() => set({ type: '' })}>Default profile type</button>}
        </p>
      </Notice>
    );
  return (
    <div className={`flame-area${stale ? ' stale' : ''}`} aria-busy={stale}>
      <FlamePanel columns={flame.data} state={state} set={set} />
    </div>
  );
}

interface NoServicesProps {
  stats: Awaited<ReturnType<typeof getStats>> | undefined;
  tenant: string;
  state: ExploreState;
  set: SetState;
  range: Resolved;
}

function NoServices({ stats, tenant, set, range }: NoServicesProps) {
  if (!stats) return <Notice title="Looking for profiles…" kind="busy" />;
  if (!stats.ingested) return <GettingStarted tenant={tenant} />;
  const newest = Math.min(stats.newest, Date.now());
  return (
    <Notice title="No profiles in this time range">
      <p>
        Tenant <b>{tenant}</b> has profiles from {formatTime(stats.oldest)} until {formatTime(stats.newest)}, none between{' '}
        {formatTime(range.from)} and {formatTime(range.until)}.
      </p>
      <button type="button" className="primary" onClick={() => set({ from: String(newest - 3600e3), until: String(newest + 1000) })}>
        Go to the newest hour of data
      </button>
    </Notice>
  );
}
