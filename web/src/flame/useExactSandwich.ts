// The sandwich of a truncated profile, from the server, which has every frame.
import { useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { type FlameRequest, getFlamegraph } from '../api/client';
import type { Columns } from './columns';

/** Without the root: the function at the top. null where it does not occur. */
export function withoutRoot(columns: Columns): Columns | null {
  if (columns.label.length < 2) return null;
  return {
    ...columns, label: columns.label.subarray(1), level: columns.level.slice(1).map((level) => level - 1),
    value: columns.value.subarray(1), self: columns.self.subarray(1),
  };
}

/** undefined until it is there, null where the function does not occur. */
function useHalf(tenant: string, request: FlameRequest, side: 'callees_of' | 'callers_of', name: string, enabled: boolean) {
  const half = useQuery({
    queryKey: ['flame', tenant, request, side, name],
    queryFn: ({ signal }) => getFlamegraph(tenant, { ...request, around: [side, name] }, signal),
    enabled,
    structuralSharing: false,
    gcTime: 20_000, // megabytes each
  });
  const tree = useMemo(() => half.data && withoutRoot(half.data), [half.data]);
  return { tree, error: half.error };
}

export function useExactSandwich(tenant: string, request: FlameRequest, name: string, enabled: boolean) {
  const callers = useHalf(tenant, request, 'callers_of', name, enabled);
  const callees = useHalf(tenant, request, 'callees_of', name, enabled);
  return { callers: callers.tree, callees: callees.tree, error: (callers.error ?? callees.error)?.message ?? '' };
}
