// What is wrong in the clusters: a list, and beside it one finding with the profiles of its object.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type KeyboardEvent, useEffect, useMemo } from 'react';
import { getTenants, isAway } from '../api/client';
import { type Finding, getClusters, getFinding, getFindings } from '../api/findings';
import { type SetState, useExploreState, useShortcuts } from '../explore/useExplore';
import { type ExploreState, severities } from '../state/url';
import { Combobox } from '../ui/combobox';
import { Icon } from '../ui/icons';
import { Notice } from '../ui/parts';
import { SearchBox } from '../ui/SearchBox';
import { ClusterReports } from './ClusterReports';
import { Details } from './Details';
import { age, began, filterFindings, idOf, namespacesOf, objectName } from './filter';
import { NoReports } from './NoReports';
import { SeverityMark } from './SeverityMark';

const POLL = 30_000;
const ANY = '*'; // no name of a cluster
const LISTED = 500;

export function Findings() {
  const [state, set] = useExploreState();
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: ({ signal }) => getTenants(signal), refetchInterval: POLL });
  const known = tenants.data ?? [];
  const tenant = state.tenant !== '' ? state.tenant : known.includes('anonymous') || known.length === 0 ? 'anonymous' : known[0]!;
  const ready = tenants.isSuccess || state.tenant !== '';
  const list = useQuery({
    queryKey: ['findings', tenant, state.resolved],
    queryFn: ({ signal }) => getFindings(tenant, state.resolved, signal),
    enabled: ready, placeholderData: keepPreviousData, refetchInterval: POLL,
  });
  const clusters = useQuery({ queryKey: ['findingClusters', tenant], queryFn: ({ signal }) => getClusters(tenant, signal), enabled: ready, refetchInterval: POLL });
  const all = useMemo(() => list.data?.findings ?? [], [list.data]);
  const shown = useMemo(() => filterFindings(all, state), [all, state]);
  const several = tenant.includes('|');
  const listed = shown.find((one) => idOf(one, several) === state.finding);
  // One that a link leads to may be over by now, or beyond the end of the list.
  const linked = useQuery({
    queryKey: ['finding', tenant, state.cluster, state.finding],
    queryFn: ({ signal }) => getFinding(tenant, state.cluster, state.finding, signal),
    enabled: list.isSuccess && !several && state.finding !== '' && !all.some((one) => one.fingerprint === state.finding), retry: false,
  });
  const chosen = listed ?? linked.data ?? shown[0];
  const refresh = () => void Promise.all([list.refetch(), clusters.refetch()]);
  useShortcuts(refresh, 'find');
  useEffect(() => {
    document.title = 'Findings · Cresset';
  }, []);

  const names = [...new Set((clusters.data ?? []).map(({ cluster }) => cluster))];
  const away = [tenants, list, clusters].map(({ failureReason }) => failureReason).find(isAway);
  const failed = tenants.error ?? list.error ?? clusters.error;
  return (
    <main className="explore findings">
      <div className="pickers">
        <Combobox label="Tenant" className="tenant" value={tenant} busy={tenants.isPending} free
          options={known.map((value) => ({ value, text: value }))}
          onChange={(value) => set({ tenant: value, cluster: null, namespace: '', finding: '' })} />
        <Combobox label="Cluster" className="type" value={state.cluster ?? ANY} busy={clusters.isPending}
          options={[{ value: ANY, text: 'All clusters' }, ...names.map((value) => ({ value, text: value || '(no name)' }))]}
          onChange={(value) => set({ cluster: value === ANY ? null : value })} />
        <Combobox label="Namespace" className="type" value={state.namespace}
          options={[{ value: '', text: 'All namespaces' }, ...namespacesOf(all).map((value) => ({ value, text: value }))]}
          onChange={(namespace) => set({ namespace })} />
        <label className="field">
          <span className="field-label">Severity</span>
          <select className="plain-select" value={state.severity} onChange={(event) => set({ severity: event.target.value as ExploreState['severity'] })}>
            <option value="">Any</option>
            {severities.slice(0, -1).map((one) => <option key={one} value={one}>{one === 'critical' ? 'critical' : `${one} or worse`}</option>)}
          </select>
        </label>
        <div className="field find">
          <span className="field-label" aria-hidden="true">Text</span>
          <SearchBox id="find" label="Text" placeholder="Title, cause, object, check or #incident" value={state.find} onChange={(find) => set({ find }, true)} />
        </div>
        <label className="check-field">
          <input type="checkbox" checked={state.resolved} onChange={(event) => set({ resolved: event.target.checked })} /> Resolved too
        </label>
        <button type="button" className={`tool refresh-findings${list.isFetching ? ' busy' : ''}`} title="Refresh (r)" aria-label="Refresh" onClick={refresh}><Icon name="refresh" /></button>
      </div>
      {away && <p className="banner" role="alert">The server does not answer. Retrying…</p>}
      {failed && !away && <Notice title="The server refused" kind="error"><p>{failed.message}</p></Notice>}
      {clusters.data && clusters.data.length > 0 && <ClusterReports clusters={clusters.data} several={several} now={clusters.dataUpdatedAt} />}
      {!failed && clusters.data?.length === 0 && <NoReports tenant={tenant} />}
      {!list.data && !failed && !away && <Notice title="Looking for findings…" kind="busy" />}
      {list.data && clusters.data && clusters.data.length > 0 && (
        <FindingsArea {...{ all, shown, chosen, several, state, set }} truncated={list.data.truncated} now={list.dataUpdatedAt} />
      )}
    </main>
  );
}

interface AreaProps {
  all: Finding[];
  shown: Finding[];
  chosen: Finding | undefined;
  /** Of tenants. */
  several: boolean;
  truncated: boolean;
  now: number;
  state: ExploreState;
  set: SetState;
}

function FindingsArea({ all, shown, chosen, several, truncated, now, state, set }: AreaProps) {
  if (!chosen)
    return all.length === 0
      ? <Notice title="No open findings"><p>The last reports have none.</p></Notice>
      : (
        <Notice title="No finding matches">
          <p>There {all.length === 1 ? 'is one that the filters leave' : `are ${all.length} that the filters leave`} out.</p>
          <button type="button" className="primary" onClick={() => set({ cluster: null, namespace: '', severity: '', find: '' })}>Show all</button>
        </Notice>
      );
  return (
    <div className="findings-area">
      <section className="finding-pane" aria-label="List of findings">
        <p className="finding-count" role="status">
          {shown.length === all.length ? `${all.length}` : `${shown.length} of ${all.length}`} {all.length === 1 ? 'finding' : 'findings'}
          {truncated && ', the worst; there are more'}
          {shown.length > LISTED && `; the worst ${LISTED} are listed`}
        </p>
        <FindingList {...{ chosen, several, now }} shown={shown.slice(0, LISTED)} onChoose={(one) => set({ finding: idOf(one, several), focus: '', sandwich: '', type: '' })} />
      </section>
      <Details key={`${chosen.tenant} ${chosen.cluster} ${chosen.fingerprint}`} finding={chosen} now={now} state={state} set={set} />
    </div>
  );
}

interface ListProps {
  shown: Finding[];
  chosen: Finding;
  several: boolean;
  now: number;
  onChoose: (finding: Finding) => void;
}

/** ↑ and ↓ go through the list. */
function FindingList({ shown, chosen, several, now, onChoose }: ListProps) {
  const onKey = (event: KeyboardEvent<HTMLUListElement>) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const buttons = [...event.currentTarget.querySelectorAll('button')];
    const at = buttons.indexOf(document.activeElement as HTMLButtonElement);
    if (step === undefined || at < 0) return;
    event.preventDefault();
    const next = buttons[at + step];
    next?.focus();
    next?.click();
  };
  return (
    <ul className="finding-list" onKeyDown={onKey}>
      {shown.map((one) => (
        <li key={`${one.tenant} ${one.cluster} ${one.fingerprint}`}>
          <button type="button" aria-current={one === chosen} className={one.state} onClick={() => onChoose(one)}>
            <SeverityMark severity={one.severity} />
            <span className="finding-title">{one.title}</span>
            <span className="finding-where">{objectName(one.object)}{one.cluster !== '' && ` · ${one.cluster}`}{several && ` · ${one.tenant}`}</span>
            <span className="finding-age" title={began(one)}>{one.state === 'resolved' ? 'resolved' : age(began(one), now)}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
