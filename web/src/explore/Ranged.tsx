// A view of the range that its address names.
import type { ComponentType } from 'react';
import type { Resolved } from '../state/time';
import type { ExploreState } from '../state/url';
import { Notice } from '../ui/parts';
import { type SetState, useExploreState, useLiveRange } from './useExplore';

export interface ViewProps {
  state: ExploreState;
  set: SetState;
  range: Resolved;
  now: number;
  refresh: () => void;
}

export function Ranged({ view: View }: { view: ComponentType<ViewProps> }) {
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
  return <View state={state} set={set} range={live.range} now={live.now} refresh={live.refresh} />;
}
