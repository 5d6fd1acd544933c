// The points of a timeline, on the grid of its step: of everything, or of what lies below one frame.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { getSeries } from '../api/client';
import { isGauge } from '../state/format';
import { type Resolved, timelineStep } from '../state/time';

interface TimelineRequest {
  tenant: string;
  type: string;
  selector: string;
  range: Resolved;
  callSite: string[];
}

export function useTimeline(request: TimelineRequest, enabled: boolean) {
  const { tenant, type, selector, range, callSite } = request;
  const step = timelineStep(range);
  return useQuery({
    queryKey: ['series', tenant, type, selector, range.from, range.until, step, callSite],
    queryFn: ({ signal }) => {
      const grid = { from: Math.floor(range.from / 1000 / step) * step * 1000, until: Math.ceil(range.until / 1000 / step) * step * 1000 };
      return getSeries(tenant, { type, selector, range: grid, step, average: isGauge(type), groupBy: [], limit: 0, callSite }, signal);
    },
    enabled,
    placeholderData: keepPreviousData,
  });
}
