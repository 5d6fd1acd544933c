// The points of a timeline, on the grid of its step.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { getSeries } from '../api/client';
import { isGauge } from '../state/format';
import { type Resolved, timelineStep } from '../state/time';

export function useTimeline(tenant: string, type: string, selector: string, range: Resolved, enabled: boolean) {
  const step = timelineStep(range);
  return useQuery({
    queryKey: ['series', tenant, type, selector, range.from, range.until, step],
    queryFn: ({ signal }) => {
      const grid = { from: Math.floor(range.from / 1000 / step) * step * 1000, until: Math.ceil(range.until / 1000 / step) * step * 1000 };
      return getSeries(tenant, { type, selector, range: grid, step, average: isGauge(type), groupBy: [], limit: 0 }, signal);
    },
    enabled,
    placeholderData: keepPreviousData,
  });
}
