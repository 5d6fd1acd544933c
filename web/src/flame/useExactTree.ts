// A profile whose zoomed frame is exact: where the server folded frames below it, they are asked for.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { Columns } from './columns';
import { focusKey } from './focus';
import { deepest, graft, isFolded } from './graft';
import { type FlameTree, useTree } from './useTree';

/** Names travel in the head of the request, which may have 7 KiB; a longer way stays as it is. */
const CALL_SITE_BYTES = 5000;

interface Source {
  /** Tenant and request: the key of the query. */
  request: readonly [string, unknown];
  /** `columns` is the answer to this request, not the one before. */
  settled: boolean;
  fetch: (callSite: string[], signal: AbortSignal) => Promise<Columns>;
}

interface Grown {
  of: Columns;
  columns: Columns;
  /** Ways to the frames that were asked for. */
  asked: string[];
}

const holds = ({ layout, columns, focus }: FlameTree, key: string) => focus > 0 && focusKey(layout, columns.names, focus) === key;

export function useExactTree(whole: Columns | undefined, key: string, { request, settled, fetch }: Source): FlameTree | null {
  const [state, setGrown] = useState<Grown | null>(null);
  const grown = state && state.of === whole ? state : null;
  const tree = useTree(grown?.columns ?? whole, key);

  // A frame that only an exact subtree has is gone when the profile is loaded anew: its way is kept.
  const ways = useRef(new Map<string, string[]>());
  const found = tree !== null && holds(tree, key);
  if (found) ways.current.set(key, tree.callSite);
  const callSite = tree === null || key === '' ? [] : (found ? tree.callSite : (ways.current.get(key) ?? tree.callSite));
  const target = tree === null ? 0 : deepest(tree.columns, tree.layout, callSite);
  const way = tree === null ? [] : callSite.slice(0, tree.layout.level[target]);
  const text = JSON.stringify(way);
  const wanted = settled && tree !== null && target > 0 && isFolded(tree.columns, tree.layout, target) && !grown?.asked.includes(text) &&
    new TextEncoder().encode(encodeURIComponent(text)).length <= CALL_SITE_BYTES;
  const exact = useQuery({
    queryKey: ['exact', ...request, way],
    queryFn: ({ signal }) => fetch(way, signal),
    enabled: wanted,
    structuralSharing: false,
    gcTime: 20_000, // megabytes each
  });
  const { data } = exact;
  useEffect(() => {
    if (!wanted || !data || !whole) return;
    setGrown({ of: whole, columns: graft(tree.columns, tree.layout, target, data), asked: [...(grown?.asked ?? []), text] });
  }, [wanted, data, whole, tree, target, grown, text]);
  return tree;
}
