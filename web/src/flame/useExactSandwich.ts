// The sandwich of a truncated profile, from the server, which has every frame.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import type { Around } from '../api/client';
import type { Columns, Side } from './columns';

/** Where the halves come from. */
export interface SandwichSource {
  /** Tenant and request: the key of the query. */
  key: readonly unknown[];
  fetch: (around: Around, signal: AbortSignal) => Promise<Columns>;
}

/** Without the root: the function at the top. null where it does not occur. */
export function withoutRoot(columns: Columns): Columns | null {
  if (columns.label.length < 2) return null;
  const side = ({ value, self }: Side) => ({ value: value.subarray(1), self: self.subarray(1) });
  return {
    ...columns, label: columns.label.subarray(1), level: columns.level.slice(1).map((level) => level - 1),
    ...side(columns), ...(columns.right ? { right: side(columns.right) } : {}),
  };
}

/** undefined until it is there, null where the function does not occur. */
function useHalf({ key, fetch }: SandwichSource, around: Around, enabled: boolean) {
  const half = useQuery({
    queryKey: ['flame', ...key, ...around],
    queryFn: ({ signal }) => fetch(around, signal),
    enabled,
    structuralSharing: false,
    gcTime: 20_000, // megabytes each
  });
  const tree = useMemo(() => half.data && withoutRoot(half.data), [half.data]);
  return { tree, error: half.error };
}

export function useExactSandwich(source: SandwichSource, name: string, enabled: boolean) {
  const callers = useHalf(source, ['callers_of', name], enabled);
  const callees = useHalf(source, ['callees_of', name], enabled);
  return { callers: callers.tree, callees: callees.tree, error: (callers.error ?? callees.error)?.message ?? '' };
}
