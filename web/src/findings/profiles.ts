// Which profiles are of the object that a finding names, by the labels that agents give.
import { getTypes } from '../api/client';
import type { ClusterObject, Finding } from '../api/findings';
import type { Resolved } from '../state/time';
import { formatSelector, type Matcher } from '../state/selector';
import { began, objectName } from './filter';

const HOUR = 3600e3;
/** Objects that are explained are asked for as well, but not all of hundreds. */
const OBJECTS = 4;

export interface Profiles {
  /** The object that they are of. */
  of: string;
  selector: string;
  types: string[];
}

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const is = (name: string, value: string): Matcher => ({ name, op: '=', value });
const fits = (name: string, value: string): Matcher => ({ name, op: '=~', value });

/** The controller by which a pod is named: without the parts that make its name unique. */
export const controllerOf = (pod: string) =>
  pod.replace(/-[a-z0-9]{6,10}-[a-z0-9]{5}$/, '').replace(/-\d+$/, '').replace(/-[bcdfghjklmnpqrstvwxz2456789]{5}$/, '');

/** Ways to select an object's profiles, the surest first. */
export function selectorsOf({ kind, namespace, name }: ClusterObject, cluster: string): string[] {
  const own = cluster === '' ? [] : [fits('cluster', `${escape(cluster)}|`)]; // agents may not say it
  const all = (...matchers: Matcher[]) => formatSelector([...matchers, ...own]);
  if (kind === 'Node') return [all(is('node', name)), all(is('hostname', name))];
  if (kind === 'Namespace') return [all(is('namespace', name))];
  if (namespace === '') return [];
  const workload = (of: string) => [
    all(is('namespace', namespace), fits('pod', `${escape(of)}(-.+)?`)),
    all(fits('namespace', `${escape(namespace)}|`), fits('service_name', `(${escape(namespace)}/)?${escape(of)}`)),
  ];
  if (kind !== 'Pod') return workload(name);
  return [all(is('namespace', namespace), is('pod', name)), workload(controllerOf(name))[1]!];
}

/** An hour around its begin, or up to now. */
export function windowOf(finding: Finding, window: 'began' | 'now', now: number): Resolved {
  const middle = Date.parse(began(finding));
  if (window === 'now') return { from: now - HOUR, until: now };
  const until = Math.min(middle + 0.75 * HOUR, now);
  return { from: Math.min(middle, until) - 0.25 * HOUR, until };
}

/** The profiles of the object, else of one that it explains; null without any. */
export async function findProfiles(finding: Finding, range: Resolved, signal?: AbortSignal): Promise<Profiles | null> {
  const objects = [finding.object, ...finding.explains.map(({ object }) => object)].slice(0, OBJECTS);
  for (const object of objects)
    for (const selector of selectorsOf(object, finding.cluster)) {
      const types = await getTypes(finding.tenant, selector, range, signal);
      if (types.length > 0) return { of: objectName(object), selector, types };
    }
  return null;
}
