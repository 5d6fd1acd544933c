// What analyzers have reported of clusters.
import type { Severity } from '../state/url';
import { call } from './client';

export interface ClusterObject {
  kind: string;
  /** '' where it has none. */
  namespace: string;
  name: string;
}

export interface Finding {
  tenant: string;
  cluster: string;
  check: string;
  severity: Severity;
  object: ClusterObject;
  /** Times are RFC 3339; null: the check cannot tell. */
  since: string | null;
  title: string;
  cause: string;
  evidence: string[];
  fix: string[];
  explains: { check: string; object: ClusterObject }[];
  /** What was changed shortly before it began. */
  changes: string[];
  links: { label: string; url: string }[];
  /** Of a language model, which nobody has verified; '' is none. */
  note: string;
  fingerprint: string;
  state: 'open' | 'resolved';
  opened: string;
  seen: string;
  resolved: string | null;
}

export interface Transition {
  time: string;
  type: 'opened' | 'changed' | 'resolved' | 'reopened' | 'folded';
  severity: Severity;
  former_severity: Severity | null;
  title: string;
}

export interface Cluster {
  tenant: string;
  cluster: string;
  received: string;
  unverified: number;
  open: number;
}

export interface FindingList {
  findings: Finding[];
  /** There are more. */
  truncated: boolean;
}

const LIMIT = 5000;

async function get<T>(path: string, tenant: string, signal: AbortSignal | undefined): Promise<T> {
  const response = await call(`api/v1/findings${path}`, tenant, signal);
  return (await response.json()) as T;
}

export const getFindings = (tenant: string, resolved: boolean, signal?: AbortSignal) =>
  get<FindingList>(`?state=${resolved ? 'all' : 'open'}&limit=${LIMIT}`, tenant, signal);

export const getFinding = async (tenant: string, cluster: string | null, fingerprint: string, signal?: AbortSignal) =>
  (await get<{ finding: Finding }>(`/${fingerprint}${cluster === null ? '' : `?${new URLSearchParams({ cluster })}`}`, tenant, signal)).finding;

export const getTransitions = async ({ tenant, cluster, fingerprint }: Finding, signal?: AbortSignal) =>
  (await get<{ transitions: Transition[] }>(`/${fingerprint}?${new URLSearchParams({ cluster })}`, tenant, signal)).transitions;

export const getClusters = async (tenant: string, signal?: AbortSignal) =>
  (await get<{ clusters: Cluster[] }>('/clusters', tenant, signal)).clusters;
