// What there is to pick from: tenants, services, profile types.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useMemo } from 'react';
import { getServices, getServiceTotals, getStats, getTenants } from '../api/client';
import { formatRate, isGauge, profileTypeName, timelineScale } from '../state/format';
import type { Resolved } from '../state/time';
import type { ExploreState } from '../state/url';
import type { Option } from '../ui/combobox';

const firstTypes = ['process_cpu:cpu:', 'wall:', 'memory:inuse_space:', 'memory:alloc_space:'];

/** The type of the address, else CPU, else the first one. */
export function chooseType(wanted: string, types: string[]): string {
  if (wanted !== '') return wanted;
  for (const prefix of firstTypes) {
    const found = types.find((type) => type.startsWith(prefix));
    if (found) return found;
  }
  return types[0] ?? '';
}

export function usePickers(state: ExploreState, range: Resolved) {
  const tenants = useQuery({ queryKey: ['tenants'], queryFn: ({ signal }) => getTenants(signal), refetchInterval: 30_000 });
  const known = tenants.data ?? [];
  const tenant = state.tenant !== '' ? state.tenant : known.includes('anonymous') || known.length === 0 ? 'anonymous' : known[0]!;
  const tenantKnown = tenants.isSuccess || state.tenant !== '';
  const services = useQuery({
    queryKey: ['services', tenant, range.from, range.until],
    queryFn: ({ signal }) => getServices(tenant, range, signal),
    enabled: tenantKnown,
    placeholderData: keepPreviousData,
  });
  const stats = useQuery({
    queryKey: ['stats', tenant],
    queryFn: ({ signal }) => getStats(tenant, signal),
    enabled: tenantKnown && services.isSuccess && services.data.size === 0,
    refetchInterval: 5000,
  });
  const types = useMemo(() => {
    const all = new Set<string>();
    for (const [service, list] of services.data ?? [])
      if (state.service === '' || state.service === service) for (const type of list) all.add(type);
    return [...all].sort((a, b) => (profileTypeName(a) < profileTypeName(b) ? -1 : 1));
  }, [services.data, state.service]);
  const type = chooseType(state.type, types);
  const ready = type !== '' && (services.isSuccess || state.type !== '');
  const totals = useQuery({
    queryKey: ['serviceTotals', tenant, type, range.from, range.until],
    queryFn: ({ signal }) => getServiceTotals(tenant, type, range, isGauge(type), signal),
    enabled: ready,
    placeholderData: keepPreviousData,
  });
  return {
    tenants, tenant, services, stats, type, ready,
    typeOptions: types.map((id) => ({ value: id, text: profileTypeName(id), hint: id.split(':').slice(0, 3).join(':') })),
    serviceOptions: serviceOptions(services.data, totals.data, type, range),
  };
}

/** Services with their share of the range: the largest first, then by name. */
function serviceOptions(
  services: Map<string, Set<string>> | undefined, totals: Map<string, number> | undefined, type: string, range: Resolved,
): Option[] {
  const scale = timelineScale(type, (range.until - range.from) / 1000);
  const value = (name: string) => totals?.get(name) ?? 0;
  const names = [...(services?.keys() ?? [])].filter((name) => name !== '');
  names.sort((a, b) => value(b) - value(a) || (a < b ? -1 : 1));
  const options = names.map((name) => ({
    value: name, text: name, ...(value(name) > 0 ? { hint: formatRate(value(name) * scale.factor, scale.unit) } : {}),
  }));
  return [{ value: '', text: 'All services', hint: String(names.length) }, ...options];
}
