// The state of the views, all of it, as the query of the address. They share it: what one does not know, it leaves alone.
import type { DiffSort, Measure } from '../flame/diff';
import type { SortKey } from '../flame/table';
import type { Range } from './time';

type Split = 'both' | 'flame' | 'table';
type Align = 'left' | 'right';
export const baselines = ['before', 'same', 'day', 'week', 'own'] as const;
/** The range of a comparison's baseline, relative to that of the comparison; its own is `leftFrom` to `leftUntil`. */
export type Baseline = (typeof baselines)[number];

export const severities = ['critical', 'high', 'medium', 'low', 'info'] as const;
/** How bad a finding is, the worst first. */
export type Severity = (typeof severities)[number];
const windows = ['began', 'now'] as const;
export type Window = (typeof windows)[number];

export interface ExploreState extends Range {
  tenant: string;
  service: string;
  type: string;
  /** Further matchers, as text. */
  labels: string;
  search: string;
  /** Name of the function whose sandwich is shown. */
  sandwich: string;
  /** See flame/focus.ts. */
  focus: string;
  split: Split;
  align: Align;
  sort: SortKey;
  desc: boolean;
  /** Seconds between refreshes; 0: off. */
  refresh: number;
  nodes: number;
  /** The baseline of a comparison; null: as the other side. */
  leftService: string | null;
  leftLabels: string | null;
  baseline: Baseline;
  leftFrom: string;
  leftUntil: string;
  measure: Measure;
  order: DiffSort;
  /** Which findings: null is every cluster; '' is every namespace and severity. */
  cluster: string | null;
  namespace: string;
  severity: Severity | '';
  find: string;
  resolved: boolean;
  /** Fingerprint of the one that is shown. */
  finding: string;
  /** The time of its profiles: when it began, or now. */
  window: Window;
}

export const defaultState: ExploreState = {
  tenant: '', service: '', type: '', labels: '', from: 'now-1h', until: 'now', search: '', sandwich: '', focus: '',
  split: 'both', align: 'left', sort: 'self', desc: true, refresh: 0, nodes: 65536,
  leftService: null, leftLabels: null, baseline: 'before', leftFrom: '', leftUntil: '', measure: 'total', order: 'change',
  cluster: null, namespace: '', severity: '', find: '', resolved: false, finding: '', window: 'began',
};

export const refreshIntervals = [0, 5, 15, 60, 300] as const;

const choice = <T extends string>(text: string | null, choices: readonly T[], otherwise: T): T =>
  choices.includes(text as T) ? (text as T) : otherwise;

/** Unknown or malformed parts take their defaults: an old link never breaks the page. */
export function parseState(query: string): ExploreState {
  const params = new URLSearchParams(query);
  const text = (key: keyof ExploreState) => params.get(key) ?? (defaultState[key] as string);
  const refresh = Number(params.get('refresh'));
  const nodes = Number(params.get('nodes'));
  return {
    tenant: text('tenant'), service: text('service'), type: text('type'), labels: text('labels'),
    from: text('from'), until: text('until'), search: text('search'), sandwich: text('sandwich'), focus: text('focus'),
    split: choice(params.get('split'), ['both', 'flame', 'table'], defaultState.split),
    align: choice(params.get('align'), ['left', 'right'], defaultState.align),
    sort: choice(params.get('sort'), ['self', 'total', 'name'], defaultState.sort),
    desc: params.get('desc') === null ? defaultState.desc : params.get('desc') !== '0',
    refresh: refreshIntervals.find((interval) => interval === refresh) ?? defaultState.refresh,
    nodes: Number.isInteger(nodes) && nodes >= 16 && nodes <= 1_048_576 ? nodes : defaultState.nodes,
    leftService: params.get('leftService'), leftLabels: params.get('leftLabels'),
    baseline: choice(params.get('baseline'), baselines, defaultState.baseline),
    leftFrom: text('leftFrom'), leftUntil: text('leftUntil'),
    measure: choice(params.get('measure'), ['total', 'self'], defaultState.measure),
    order: choice(params.get('order'), ['name', 'left', 'right', 'change'], defaultState.order),
    cluster: params.get('cluster'), namespace: text('namespace'), severity: choice(params.get('severity'), [...severities, ''], ''),
    find: text('find'), resolved: params.get('resolved') === '1', finding: text('finding'),
    window: choice(params.get('window'), windows, defaultState.window),
  };
}

/** Only what differs from the defaults, in a fixed order. */
export function formatState(state: ExploreState): string {
  const params = new URLSearchParams();
  for (const key of Object.keys(defaultState) as (keyof ExploreState)[]) {
    const value = state[key];
    if (value === defaultState[key]) continue;
    params.set(key, typeof value === 'boolean' ? (value ? '1' : '0') : String(value));
  }
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
