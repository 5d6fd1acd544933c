// Calls of the server: Connect JSON and the binary columns of a flame graph. Addresses are relative
// to the page's own.
import { type Columns, decodeColumns } from '../flame/columns';
import type { Resolved } from '../state/time';

export class ApiError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
    this.name = 'ApiError';
  }
  /** The server is away or busy: the same call may succeed later. */
  get retryable(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 502 || this.code === 'unavailable';
  }
  /** The query itself was refused. */
  get refused(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 429;
  }
}

/** The server is away: the call is tried again. */
export const isAway = (error: Error | null) => error instanceof ApiError && error.retryable;

const address = (path: string) => new URL(path, document.baseURI).toString();

export async function call(path: string, tenant: string, signal: AbortSignal | undefined, body?: unknown): Promise<Response> {
  const headers: Record<string, string> = { Accept: '*/*; allow-utf8-labelnames=true' }; // names with dots too
  if (tenant !== '') headers['X-Scope-OrgID'] = tenant;
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(address(path), {
      method: body === undefined ? 'GET' : 'POST',
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('unavailable', 'The server does not answer.', 0);
  }
  if (!response.ok) throw await readError(response);
  return response;
}

async function readError(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  try {
    const { code, message } = JSON.parse(text) as { code?: string; message?: string };
    if (message) return new ApiError(code ?? 'unknown', message, response.status);
  } catch {
    // Not an error of the server itself: a proxy between, for example.
  }
  return new ApiError('unknown', `The server answered with status ${response.status}.`, response.status);
}

async function query<T>(method: string, tenant: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const response = await call(`querier.v1.QuerierService/${method}`, tenant, signal, body);
  return (await response.json()) as T;
}

const times = (range: Resolved) => ({ start: String(range.from), end: String(range.until) });

interface Label {
  name: string;
  value: string;
}

export async function getTenants(signal?: AbortSignal): Promise<string[]> {
  const response = await call('api/v1/tenants', '', signal);
  return ((await response.json()) as { tenants?: string[] }).tenants ?? [];
}

/** The profile types of what a selector matches. */
export async function getTypes(tenant: string, selector: string, range: Resolved, signal?: AbortSignal): Promise<string[]> {
  return getLabelValues(tenant, '__profile_type__', selector, range, signal);
}

/** Which profile types every service has. */
export async function getServices(tenant: string, range: Resolved, signal?: AbortSignal): Promise<Map<string, Set<string>>> {
  const answer = await query<{ labelsSet?: { labels?: Label[] }[] }>(
    'Series', tenant, { matchers: [], labelNames: ['service_name', '__profile_type__'], ...times(range) }, signal,
  );
  const services = new Map<string, Set<string>>();
  for (const { labels = [] } of answer.labelsSet ?? []) {
    const type = labels.find(({ name }) => name === '__profile_type__')?.value;
    const service = labels.find(({ name }) => name === 'service_name')?.value ?? '';
    if (type === undefined) continue;
    const types = services.get(service);
    if (types) types.add(type);
    else services.set(service, new Set([type]));
  }
  return services;
}

export async function getLabelNames(tenant: string, selector: string, range: Resolved, signal?: AbortSignal): Promise<string[]> {
  const answer = await query<{ names?: string[] }>('LabelNames', tenant, { matchers: [selector], ...times(range) }, signal);
  return (answer.names ?? []).filter((name) => !name.startsWith('__'));
}

export async function getLabelValues(
  tenant: string, name: string, selector: string, range: Resolved, signal?: AbortSignal,
): Promise<string[]> {
  const answer = await query<{ names?: string[] }>('LabelValues', tenant, { name, matchers: [selector], ...times(range) }, signal);
  return answer.names ?? [];
}

interface SeriesRequest {
  type: string;
  selector: string;
  range: Resolved;
  step: number;
  average: boolean;
  groupBy: string[];
  limit: number;
  /** Only stacks that begin with these frames. */
  callSite?: string[];
}

export interface Series {
  labels: Label[];
  points: { value: number; time: number }[];
}

export async function getSeries(tenant: string, request: SeriesRequest, signal?: AbortSignal): Promise<Series[]> {
  const answer = await query<{ series?: { labels?: Label[]; points?: { value?: number; timestamp?: string }[] }[] }>(
    'SelectSeries', tenant,
    {
      profileTypeID: request.type, labelSelector: request.selector, ...times(request.range), step: request.step,
      groupBy: request.groupBy, limit: String(request.limit),
      ...(request.callSite?.length ? { stackTraceSelector: { callSite: request.callSite.map((name) => ({ name })) } } : {}),
      aggregation: request.average ? 'TIME_SERIES_AGGREGATION_TYPE_AVERAGE' : 'TIME_SERIES_AGGREGATION_TYPE_SUM',
    },
    signal,
  );
  return (answer.series ?? []).map(({ labels = [], points = [] }) => ({
    labels,
    points: points.map(({ value = 0, timestamp = '0' }) => ({ value, time: Number(timestamp) })),
  }));
}

/** The value of every service over the whole range, the largest first. */
export async function getServiceTotals(
  tenant: string, type: string, range: Resolved, average: boolean, signal?: AbortSignal,
): Promise<Map<string, number>> {
  const until = { from: range.until, until: range.until };
  const step = (range.until - range.from) / 1000;
  const series = await getSeries(
    tenant, { type, selector: '{}', range: until, step, average, groupBy: ['service_name'], limit: 0 }, signal,
  );
  return new Map(series.map(({ labels, points }) => [labels[0]?.value ?? '', points[0]?.value ?? 0]));
}

interface Stats {
  ingested: boolean;
  oldest: number;
  newest: number;
}

export async function getStats(tenant: string, signal?: AbortSignal): Promise<Stats> {
  const answer = await query<{ dataIngested?: boolean; oldestProfileTime?: string; newestProfileTime?: string }>(
    'GetProfileStats', tenant, {}, signal,
  );
  return {
    ingested: answer.dataIngested ?? false,
    oldest: Number(answer.oldestProfileTime ?? 0),
    newest: Number(answer.newestProfileTime ?? 0),
  };
}

/** Turns a flame graph around a function: what it calls, or what calls it. */
export type Around = ['callees_of' | 'callers_of', string];

export interface FlameRequest {
  type: string;
  selector: string;
  range: Resolved;
  nodes: number;
  /** Only stacks that begin with these frames. */
  callSite?: string[];
  around?: Around;
}

function selection({ type, selector, range, callSite = [] }: Omit<FlameRequest, 'nodes'>): URLSearchParams {
  const params = new URLSearchParams({ profile_type: type, selector, from: String(range.from), until: String(range.until) });
  for (const name of callSite) params.append('call_site', name);
  return params;
}

export async function getFlamegraph(tenant: string, request: FlameRequest, signal?: AbortSignal): Promise<Columns> {
  const params = selection(request);
  params.set('max_nodes', String(request.nodes));
  if (request.around) params.set(...request.around);
  const response = await call(`api/v1/flamegraph?${params}`, tenant, signal);
  return decodeColumns(await response.arrayBuffer());
}

interface FunctionsRequest extends Omit<FlameRequest, 'nodes'> {
  /** RE2, found anywhere in a name; '': every function. */
  regex: string;
  sort: 'self' | 'total';
  limit: number;
}

export interface Functions {
  /** How many there are; `functions` has the largest of them. */
  matched: number;
  functions: { name: string; self: number; total: number }[];
}

export async function getFunctions(tenant: string, request: FunctionsRequest, signal?: AbortSignal): Promise<Functions> {
  const params = selection(request);
  if (request.regex !== '') params.set('regex', request.regex);
  params.set('sort', request.sort);
  params.set('limit', String(request.limit));
  const response = await call(`api/v1/functions?${params}`, tenant, signal);
  return (await response.json()) as Functions;
}

export type ExportFormat = 'pprof' | 'collapsed' | 'speedscope' | 'perf-script' | 'dot';

/** A file with everything that is selected, and the name that the server gives it. */
export async function getExport(tenant: string, request: Omit<FlameRequest, 'nodes'>, format: ExportFormat): Promise<{ content: Blob; name: string }> {
  const params = selection(request);
  params.set('format', format);
  const response = await call(`api/v1/export?${params}`, tenant, undefined);
  const name = /filename="([^"]+)"/.exec(response.headers.get('Content-Disposition') ?? '')?.[1];
  return { content: await response.blob(), name: name ?? `profile.${format}` };
}

interface DiffSide {
  selector: string;
  range: Resolved;
}

export interface DiffRequest {
  type: string;
  left: DiffSide;
  right: DiffSide;
  nodes: number;
  callSite?: string[];
  around?: Around;
}

export async function getDiff(tenant: string, { type, left, right, nodes, callSite = [], around }: DiffRequest, signal?: AbortSignal): Promise<Columns> {
  const params = selection({ type, ...left, callSite });
  params.set('right_selector', right.selector);
  params.set('right_from', String(right.range.from));
  params.set('right_until', String(right.range.until));
  params.set('max_nodes', String(nodes));
  if (around) params.set(...around);
  const response = await call(`api/v1/flamegraph/diff?${params}`, tenant, signal);
  return decodeColumns(await response.arrayBuffer());
}

/** Values in the profile type's unit, as text; what is 0 is left out. */
export interface FunctionsDiff {
  functions?: { name: string; leftSelf?: string; leftTotal?: string; rightSelf?: string; rightTotal?: string }[];
  leftTotal?: string;
  rightTotal?: string;
}

/** The functions of both sides, at most `nodes` of them. */
export async function getFunctionsDiff(tenant: string, { type, left, right, nodes, callSite = [] }: DiffRequest): Promise<FunctionsDiff> {
  const side = ({ selector, range }: DiffSide) => ({
    profileTypeID: type, labelSelector: selector, ...times(range),
    ...(callSite.length ? { stackTraceSelector: { callSite: callSite.map((name) => ({ name })) } } : {}),
  });
  const answer = await query<{ functions?: FunctionsDiff }>(
    'Diff', tenant, { left: side(left), right: side(right), format: 'PROFILE_FORMAT_FUNCTIONS', maxNodes: String(nodes) },
  );
  return answer.functions ?? {};
}
