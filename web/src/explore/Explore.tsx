// Pick what to look at; see it over time and as a flame graph.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { ApiError, type FlameRequest, getFlamegraph, type getStats, isAway } from '../api/client';
import { FlamePanel } from '../flame/FlamePanel';
import { useExactTree } from '../flame/useExactTree';
import type { FlameTree } from '../flame/useTree';
import { profileTypeName } from '../state/format';
import { fullSelector } from '../state/selector';
import { absoluteRange, formatTime, type Resolved, timelineStep, zoomOut } from '../state/time';
import type { ExploreState } from '../state/url';
import { Combobox } from '../ui/combobox';
import { Notice } from '../ui/parts';
import { GettingStarted } from './GettingStarted';
import type { ViewProps } from './Ranged';
import { Selector } from './Selector';
import { TimePicker } from './TimePicker';
import { Timeline } from './Timeline';
import { type SetState, useShortcuts } from './useExplore';
import { usePickers } from './usePickers';
import { useTimeline } from './useTimeline';

export function Explore({ state, set, range, now, refresh }: ViewProps) {
  const pick = usePickers(state, range);
  const { tenant, type, ready } = pick;
  const selector = fullSelector(state.service, state.labels);
  const step = timelineStep(range);
  const request = { type, selector, range, nodes: state.nodes };
  const flame = useQuery({
    queryKey: ['flame', tenant, request],
    queryFn: ({ signal }) => getFlamegraph(tenant, request, signal),
    enabled: ready,
    placeholderData: keepPreviousData,
    structuralSharing: false,
    gcTime: 20_000, // megabytes each
  });
  const tree = useExactTree(flame.data, state.focus, {
    request: [tenant, request], settled: !flame.isPlaceholderData,
    fetch: (callSite, signal) => getFlamegraph(tenant, { ...request, callSite }, signal),
  });
  const series = useTimeline({ tenant, type, selector, range, callSite: tree?.callSite ?? [] }, ready && (state.focus === '' || tree !== null));

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

  useShortcuts(refresh);

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
          options={pick.serviceOptions} empty="No such service in this time range"
          onChange={(service) => set({ service, ...reset })} />
        <Combobox label="Profile type" className="type" value={type} busy={pick.services.isPending}
          options={pick.typeOptions}
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
              <Timeline series={series.data} stale={series.isPlaceholderData} frame={tree?.frame ?? ''} type={type} step={step} range={range} now={now}
                onSelect={(next) => set(absoluteRange(next))}
                onZoomOut={() => set(absoluteRange(zoomOut(range, Date.now())))} />
            )}
            {!failed && (
              <FlameArea flame={flame} tree={tree} tenant={tenant} request={request} state={state} set={set} range={range} badLabels={badLabels} away={Boolean(away)}
                stale={flame.isPlaceholderData && flame.isFetching} />
            )}
          </>
        )}
    </main>
  );
}

interface FlameAreaProps {
  flame: ReturnType<typeof useQuery<Awaited<ReturnType<typeof getFlamegraph>>>>;
  tree: FlameTree | null;
  tenant: string;
  request: FlameRequest;
  state: ExploreState;
  set: SetState;
  range: Resolved;
  badLabels: boolean;
  away: boolean;
  stale: boolean;
}

function FlameArea({ flame, tree, tenant, request, state, set, range, badLabels, away, stale }: FlameAreaProps) {
  if (flame.error)
    return (
      <Notice title={badLabels ? 'The server cannot read the labels' : 'There is no flame graph to show'} kind="error">
        <p>{flame.error.message}</p>
        {state.labels !== '' && <button type="button" className="primary" onClick={() => set({ labels: '' })}>Remove the labels</button>}
      </Notice>
    );
  if (!flame.data || !tree) return away ? null : <Notice title="Merging profiles…" kind="busy" />;
  if (!(flame.data.value[0]! > 0))
    return (
      <Notice title="No profile matches">
        <p>Nothing was recorded for this choice between {formatTime(range.from)} and {formatTime(range.until)}.</p>
        <p className="actions">
          <button type="button" onClick={() => set(absoluteRange(zoomOut(range, Date.now())))}>Zoom out</button>
          {state.labels !== '' && <button type="button" onClick={() => set({ labels: '' })}>Remove the labels</button>}
          {state.service !== '' && <button type="button" onClick={() => set({ service: '' })}>Show all services</button>}
          {state.type !== '' && <button type="button" onClick={() => set({ type: '' })}>Default profile type</button>}
        </p>
      </Notice>
    );
  return (
    <div className={`flame-area${stale ? ' stale' : ''}`} aria-busy={stale}>
      <FlamePanel tree={tree} tenant={tenant} request={request} state={state} set={set} />
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
      <button type="button" className="primary" onClick={() => set(absoluteRange({ from: newest - 3600e3, until: newest + 1000 }))}>
        Go to the newest hour of data
      </button>
    </Notice>
  );
}
