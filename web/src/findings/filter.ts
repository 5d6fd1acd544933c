// Which findings are shown, and in which words.
import type { ClusterObject, Finding } from '../api/findings';
import { type ExploreState, severities } from '../state/url';

type Filter = Pick<ExploreState, 'cluster' | 'namespace' | 'severity' | 'find'>;

/** "Pod shop/web" */
export const objectName = ({ kind, namespace, name }: ClusterObject) => `${kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;

/** "#a7f3", as in messages of the analyzer. */
export const incidentName = ({ fingerprint }: Finding) => `#${fingerprint.slice(0, 4)}`;

/** Tells a finding from those of other tenants, where several are read. */
export const idOf = ({ tenant, fingerprint }: Finding, several: boolean) => (several ? `${tenant}/${fingerprint}` : fingerprint);

/** A namespace is one of itself. */
const namespaceOf = ({ kind, namespace, name }: ClusterObject) => (kind === 'Namespace' ? name : namespace);

/** Those at least so bad, of the cluster and the namespace, that have every word somewhere. */
export function filterFindings(findings: readonly Finding[], { cluster, namespace, severity, find }: Filter): Finding[] {
  const words = find.toLowerCase().split(/\s+/).filter(Boolean);
  const worst = severity === '' ? severities : severities.slice(0, severities.indexOf(severity) + 1);
  return findings.filter((one) => {
    if (cluster !== null && one.cluster !== cluster) return false;
    if (namespace !== '' && namespaceOf(one.object) !== namespace) return false;
    if (!(worst as readonly string[]).includes(one.severity)) return false;
    const text = `${one.title} ${one.cause} ${one.check} ${objectName(one.object)} ${one.cluster} #${one.fingerprint}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

const sorted = (names: Iterable<string>) => [...new Set(names)].filter((name) => name !== '').sort();
export const namespacesOf = (findings: readonly Finding[]) => sorted(findings.map(({ object }) => namespaceOf(object)));

/** How long ago, in its largest unit: "3 d". */
export function age(time: string, now: number): string {
  const seconds = Math.max(0, now - Date.parse(time)) / 1000;
  for (const [size, unit] of [[86_400, 'd'], [3600, 'h'], [60, 'min']] as const) if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  return `${Math.floor(seconds)} s`;
}

/** When it began, as far as is known. */
export const began = ({ since, opened }: Finding) => since ?? opened;

/** Steps that are to be typed stand in a line of their own. */
export const isCommand = (step: string) => /^(kubectl|helm|velero|argocd|flux|ceph) /.test(step);
