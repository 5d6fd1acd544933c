// The sides of a comparison, from the state of the address.
import { formatSelector, parseSelector } from '../state/selector';
import { type Resolved, resolveRange } from '../state/time';
import type { Baseline, ExploreState } from '../state/url';

const DAY = 86_400_000;

export const baselineTexts: Record<Baseline, string> = {
  before: 'The range before', same: 'The same range', day: 'A day earlier', week: 'A week earlier', own: 'Its own range',
};

/** null where its own range cannot be read. */
export function baselineRange(state: Pick<ExploreState, 'baseline' | 'leftFrom' | 'leftUntil'>, right: Resolved, now: number): Resolved | null {
  if (state.baseline === 'own') return resolveRange({ from: state.leftFrom, until: state.leftUntil }, now);
  const back = { before: right.until - right.from, same: 0, day: DAY, week: 7 * DAY }[state.baseline];
  return { from: right.from - back, until: right.until - back };
}

export interface Chosen {
  service: string;
  labels: string;
}

/** What the baseline selects: what the comparison does, where it has nothing of its own. */
export const baselineOf = (state: ExploreState): Chosen => ({
  service: state.leftService ?? state.service,
  labels: state.leftLabels ?? state.labels,
});

/** Sets the baseline's choice; what equals the comparison's is not written down, so that it follows. */
export const setBaseline = (state: ExploreState, chosen: Partial<Chosen>): Partial<ExploreState> => {
  const { service, labels } = { ...baselineOf(state), ...chosen };
  return {
    leftService: service === state.service ? null : service,
    leftLabels: labels === state.labels ? null : labels,
  };
};

/** The baseline becomes the comparison, and the other way round. */
export const swapSides = (state: ExploreState, left: Resolved, right: Resolved): Partial<ExploreState> => {
  const { service, labels } = baselineOf(state);
  return {
    service, labels,
    leftService: state.leftService === null ? null : state.service,
    leftLabels: state.leftLabels === null ? null : state.labels,
    ...(state.baseline === 'same' ? {} : {
      from: String(left.from), until: String(left.until),
      baseline: 'own' as const, leftFrom: String(right.from), leftUntil: String(right.until),
    }),
  };
};

/** One value of a label on each side, of the same service at the same time. */
export function splitByLabel(state: ExploreState, name: string, left: string, right: string): Partial<ExploreState> {
  const others = (parseSelector(state.labels) ?? []).filter((matcher) => matcher.name !== name);
  const labels = (value: string) => formatSelector([...others, { name, op: '=', value }]);
  return { leftService: null, labels: labels(right), leftLabels: labels(left), baseline: 'same', leftFrom: '', leftUntil: '' };
}
