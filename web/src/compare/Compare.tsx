// Two selections side by side: a baseline, and what is compared with it.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect } from 'react';
import { ApiError, type DiffRequest, getDiff, isAway } from '../api/client';
import type { ViewProps } from '../explore/Ranged';
import { RangeButton, TimePicker } from '../explore/TimePicker';
import { useShortcuts } from '../explore/useExplore';
import { usePickers } from '../explore/usePickers';
import { DiffPanel } from '../flame/DiffPanel';
import { useExactTree } from '../flame/useExactTree';
import type { FlameTree } from '../flame/useTree';
import { formatValue, parseProfileType, profileTypeName } from '../state/format';
import { fullSelector } from '../state/selector';
import { absoluteRange, type Range, type Resolved } from '../state/time';
import { type Baseline, baselines } from '../state/url';
import { Combobox } from '../ui/combobox';
import { Icon } from '../ui/icons';
import { Notice } from '../ui/parts';
import { Popover } from '../ui/popover';
import { baselineOf, baselineRange, baselineTexts, setBaseline, splitByLabel, swapSides } from './baseline';
import { Side } from './Side';
import { SplitForm } from './SplitForm';

export function Compare(props: ViewProps) {
  const { state, set, range, now } = props;
  const left = baselineRange(state, range, now);
  if (!left)
    return (
      <main className="explore">
        <Notice title="The baseline’s time range cannot be read" kind="error">
          <p><code>{state.leftFrom}</code> to <code>{state.leftUntil}</code></p>
          <button type="button" className="primary" onClick={() => set({ baseline: 'before', leftFrom: '', leftUntil: '' })}>Compare with the range before</button>
        </Notice>
      </main>
    );
  return <CompareRanges {...props} left={left} />;
}

function CompareRanges({ state, set, range, left, now, refresh }: ViewProps & { left: Resolved }) {
  const pick = usePickers(state, { from: Math.min(left.from, range.from), until: Math.max(left.until, range.until) });
  const { tenant, type, ready } = pick;
  const baseline = baselineOf(state);
  const request: DiffRequest = {
    type, nodes: state.nodes,
    left: { selector: fullSelector(baseline.service, baseline.labels), range: left },
    right: { selector: fullSelector(state.service, state.labels), range },
  };
  const diff = useQuery({
    queryKey: ['diff', tenant, request],
    queryFn: ({ signal }) => getDiff(tenant, request, signal),
    enabled: ready,
    placeholderData: keepPreviousData,
    structuralSharing: false,
    gcTime: 20_000, // megabytes each
  });
  const tree = useExactTree(diff.data, state.focus, {
    request: [tenant, request], settled: !diff.isPlaceholderData,
    fetch: (callSite, signal) => getDiff(tenant, { ...request, callSite }, signal),
  });
  useShortcuts(refresh);
  useEffect(() => {
    document.title = [state.service || 'All services', ...(type === '' ? [] : [profileTypeName(type)]), 'comparison', 'Cresset'].join(' · ');
  }, [state.service, type]);

  const away = [pick.tenants, pick.services, diff].map(({ failureReason }) => failureReason).find(isAway);
  const failed = pick.tenants.error ?? pick.services.error;
  const total = (value: number | undefined) => (value === undefined ? '' : formatValue(value, parseProfileType(type).unit));
  const shared = { tenant, type, ready: ready && (state.focus === '' || tree !== null), now, tree, services: pick.serviceOptions, busy: pick.services.isPending };
  const ownRange = ({ from, until }: Range) => set({ baseline: 'own', leftFrom: from, leftUntil: until });
  return (
    <main className="explore compare">
      <div className="pickers">
        <Combobox label="Tenant" className="tenant" value={tenant} busy={pick.tenants.isPending} free
          options={(pick.tenants.data ?? []).map((value) => ({ value, text: value }))}
          onChange={(value) => set({ tenant: value, service: '', type: '', labels: '', leftService: null, leftLabels: null, focus: '' })} />
        <Combobox label="Profile type" className="type" value={type} busy={pick.services.isPending} options={pick.typeOptions}
          onChange={(value) => set({ type: value, focus: '' })} />
        <div className="pickers-end">
          <button type="button" className="tool" onClick={() => set(swapSides(state, left, range))}><Icon name="swap" /> Swap the sides</button>
          <Popover label="Two values of a label" buttonClass="range-button" button={<><Icon name="plus" /> <span>Split by a label</span></>}>
            {(close) => (
              <SplitForm tenant={tenant} selector={fullSelector(state.service, '')} range={range}
                onSplit={(name, before, after) => {
                  set(splitByLabel(state, name, before, after));
                  close();
                }} />
            )}
          </Popover>
        </div>
      </div>
      <div className="sides">
        <Side kind="baseline" title="Baseline" {...shared} chosen={baseline} range={left} total={total(diff.data?.value[0])}
          onChoose={(chosen) => set(setBaseline(state, chosen))}
          onRange={(next) => ownRange(absoluteRange(next))}>
          <div className="field time">
            <div className="time-row">
              <select className="plain-select" aria-label="Time of the baseline" value={state.baseline}
                onChange={(event) => {
                  const choice = event.target.value as Baseline;
                  if (choice === 'own') ownRange(absoluteRange(left));
                  else set({ baseline: choice, leftFrom: '', leftUntil: '' });
                }}>
                {baselines.map((one) => <option key={one} value={one}>{baselineTexts[one]}</option>)}
              </select>
              {state.baseline === 'own' && (
                <RangeButton label="Time range of the baseline" range={{ from: state.leftFrom, until: state.leftUntil }} resolved={left} now={now} onChange={ownRange} />
              )}
            </div>
          </div>
        </Side>
        <Side kind="comparison" title="Comparison" {...shared} chosen={state} range={range} total={total(diff.data?.right?.value[0])}
          onChoose={(chosen) => set(chosen)}
          onRange={(next) => set(absoluteRange(next))}>
          <TimePicker state={state} range={range} now={now} busy={diff.isFetching} set={set} onRefresh={refresh} />
        </Side>
      </div>
      {away && <p className="banner" role="alert">The server does not answer. Retrying…</p>}
      {failed && !away && <Notice title="The server refused" kind="error"><p>{failed.message}</p></Notice>}
      {!failed && <DiffArea diff={diff} tree={tree} away={Boolean(away)} idle={!ready && pick.services.isSuccess} {...{ tenant, request, state, set }} />}
    </main>
  );
}

interface AreaProps extends Pick<ViewProps, 'state' | 'set'> {
  tenant: string;
  request: DiffRequest;
  diff: ReturnType<typeof useQuery<Awaited<ReturnType<typeof getDiff>>>>;
  tree: FlameTree | null;
  away: boolean;
  /** There is no profile type to ask for. */
  idle: boolean;
}

function DiffArea({ diff, tree, away, idle, ...rest }: AreaProps) {
  if (idle) return <Notice title="No profiles in these time ranges"><p>Choose other ranges above.</p></Notice>;
  if (diff.error)
    return (
      <Notice title={diff.error instanceof ApiError && diff.error.refused ? 'The server cannot compare these' : 'There is no comparison to show'} kind="error">
        <p>{diff.error.message}</p>
      </Notice>
    );
  if (!diff.data || !tree) return away ? null : <Notice title="Merging profiles…" kind="busy" />;
  const { right } = tree.columns;
  if (!right) return <Notice title="The server sent one side only" kind="error" />;
  const empty = [tree.columns.value[0]! > 0 ? '' : 'baseline', right.value[0]! > 0 ? '' : 'comparison'].filter(Boolean);
  if (empty.length === 2)
    return <Notice title="No profile matches on either side"><p>Choose other labels or other ranges above.</p></Notice>;
  const stale = diff.isPlaceholderData && diff.isFetching;
  return (
    <>
      {empty.length === 1 && <p className="banner quiet" role="status">No profile matches the {empty[0]}: everything is {empty[0] === 'baseline' ? 'new' : 'gone'}.</p>}
      <div className={`flame-area${stale ? ' stale' : ''}`} aria-busy={stale}>
        <DiffPanel tree={tree} right={right} {...rest} />
      </div>
    </>
  );
}
