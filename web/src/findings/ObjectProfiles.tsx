// The flame graph of the object that a finding names, around the time when it began or of the last hour.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { Link } from 'react-router';
import { getFlamegraph } from '../api/client';
import type { Finding } from '../api/findings';
import { chooseType } from '../explore/usePickers';
import type { SetState } from '../explore/useExplore';
import { FlamePanel } from '../flame/FlamePanel';
import { useExactTree } from '../flame/useExactTree';
import { profileTypeName } from '../state/format';
import { absoluteRange, formatRange, type Resolved } from '../state/time';
import { defaultState, type ExploreState, formatState } from '../state/url';
import { Choices, Notice } from '../ui/parts';
import { findProfiles, type Profiles, windowOf } from './profiles';

interface Props {
  finding: Finding;
  state: ExploreState;
  set: SetState;
}

export function ObjectProfiles({ finding, state, set }: Props) {
  const { tenant, cluster, fingerprint } = finding;
  // A range stays as it is while the finding is looked at, so that its profiles do not jump.
  const range = useMemo(() => windowOf(finding, state.window, Date.now()), [tenant, cluster, fingerprint, state.window]);
  const found = useQuery({
    queryKey: ['objectProfiles', tenant, cluster, fingerprint, range],
    queryFn: ({ signal }) => findProfiles(finding, range, signal),
  });
  const type = found.data ? chooseType(found.data.types.includes(state.type) ? state.type : '', found.data.types) : '';
  return (
    <section className="object-profiles" aria-label="Profiles">
      <div className="object-profiles-head">
        <h3>{found.data ? `Profiles of ${found.data.of}` : 'Profiles'}</h3>
        <Choices label="Time of the profiles" value={state.window} onChange={(window) => set({ window, focus: '', sandwich: '' })}
          choices={[{ value: 'began', text: 'When it began' }, { value: 'now', text: 'Last hour' }]} />
        {found.data && (
          <>
            <select className="plain-select" aria-label="Profile type" value={type} onChange={(event) => set({ type: event.target.value, focus: '', sandwich: '' })}>
              {found.data.types.map((one) => <option key={one} value={one}>{profileTypeName(one)}</option>)}
            </select>
            <Link to={{ pathname: '/', search: formatState({ ...defaultState, tenant, type, labels: found.data.selector, ...absoluteRange(range) }) }}>Explore these</Link>
          </>
        )}
        <span className="hint">{formatRange(absoluteRange(range))}</span>
      </div>
      {found.error && <Notice title="The profiles cannot be looked for" kind="error"><p>{found.error.message}</p></Notice>}
      {found.isPending && <Notice title="Looking for profiles…" kind="busy" />}
      {found.data === null && (
        <p className="none" role="status">There are no profiles of {finding.object.kind} {finding.object.name} in this time.</p>
      )}
      {found.data && <Flame key={found.data.selector} {...{ finding, state, set, range, type }} profiles={found.data} />}
    </section>
  );
}

function Flame({ finding, profiles, type, range, state, set }: Props & { profiles: Profiles; type: string; range: Resolved }) {
  const { tenant } = finding;
  const request = { type, selector: profiles.selector, range, nodes: state.nodes };
  const flame = useQuery({
    queryKey: ['flame', tenant, request],
    queryFn: ({ signal }) => getFlamegraph(tenant, request, signal),
    structuralSharing: false,
    gcTime: 20_000, // megabytes each
  });
  const tree = useExactTree(flame.data, state.focus, {
    request: [tenant, request], settled: !flame.isPlaceholderData,
    fetch: (callSite, signal) => getFlamegraph(tenant, { ...request, callSite }, signal),
  });
  if (flame.error) return <Notice title="There is no flame graph to show" kind="error"><p>{flame.error.message}</p></Notice>;
  if (!tree) return <Notice title="Merging profiles…" kind="busy" />;
  return (
    <div className="flame-area">
      <FlamePanel tree={tree} tenant={tenant} request={request} state={state} set={set} />
    </div>
  );
}
