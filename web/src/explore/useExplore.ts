// The state of the address, and the range that it means now.
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useLocation, useNavigate } from 'react-router';
import { type Resolved, resolveRange } from '../state/time';
import { type ExploreState, formatState, parseState } from '../state/url';

export type SetState = (patch: Partial<ExploreState>, replace?: boolean) => void;

export function useExploreState(): [ExploreState, SetState] {
  const { pathname, search } = useLocation();
  const navigate = useNavigate();
  const state = useMemo(() => parseState(search), [search]);
  const set = useCallback<SetState>(
    (patch, replace = false) => {
      // The address is changed at once, the rendering follows: several changes in between must add up.
      const now = window.location.search;
      const text = formatState({ ...parseState(now), ...patch });
      if (text !== formatState(parseState(now))) void navigate({ pathname, search: text }, { replace });
    },
    [navigate, pathname],
  );
  return [state, set];
}

interface LiveRange {
  range: Resolved | null;
  now: number;
  refresh: () => void;
}

export function useLiveRange(state: ExploreState): LiveRange {
  const [tick, setTick] = useState(0);
  const { from, until } = state;
  const live = useMemo(() => {
    const now = Date.now();
    return { tick, now, range: resolveRange({ from, until }, now) };
  }, [from, until, tick]);
  const refresh = useCallback(() => setTick((at) => at + 1), []);
  useEffect(() => {
    if (state.refresh === 0 || until !== 'now') return undefined;
    const timer = setInterval(() => document.visibilityState === 'visible' && refresh(), state.refresh * 1000);
    return () => clearInterval(timer);
  }, [state.refresh, until, refresh]);
  return { range: live.range, now: live.now, refresh };
}

/** The keys of a view: `/` goes to the field with this id, `r` refreshes. */
export function useShortcuts(refresh: () => void, field = 'search') {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, select, textarea, dialog')) return;
      if (event.key === '/') {
        event.preventDefault();
        document.getElementById(field)?.focus();
      } else if (event.key === 'r') refresh();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, [refresh, field]);
}
