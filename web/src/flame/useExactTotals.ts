// The table of a truncated profile, from the server, which has every function.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { type FlameRequest, type Functions, getFunctions } from '../api/client';
import { escapeRegExp } from './search';
import type { Totals } from './table';

/** The most functions that the server lists at once. */
const LIMIT = 10_000;

interface NamedTotals extends Totals {
  names: string[];
  /** How many functions there are; the largest of them are listed. */
  matched: number;
}

export function namedTotals({ functions, matched }: Functions): NamedTotals {
  return {
    names: functions.map(({ name }) => name), matched,
    self: Float64Array.from(functions, ({ self }) => self), total: Float64Array.from(functions, ({ total }) => total),
  };
}

/** `search` as the page understands it: a regular expression without regard to case, or else plain text. */
export function useExactTotals(
  tenant: string, request: FlameRequest, search: { text: string; literal: boolean }, sort: 'self' | 'total', enabled: boolean,
) {
  const regex = search.text === '' ? '' : `(?i:${search.literal ? escapeRegExp(search.text) : search.text})`;
  const answer = useQuery({
    queryKey: ['functions', tenant, request, regex, sort],
    queryFn: ({ signal }) => getFunctions(tenant, { ...request, regex, sort, limit: LIMIT }, signal),
    enabled,
    placeholderData: keepPreviousData,
    structuralSharing: false,
    gcTime: 20_000, // up to a megabyte each
  });
  const totals = useMemo(() => (enabled && answer.data ? namedTotals(answer.data) : null), [enabled, answer.data]);
  return { totals: answer.error ? null : totals, error: enabled && answer.error ? answer.error.message : '' };
}
