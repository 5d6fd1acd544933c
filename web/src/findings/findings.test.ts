import { expect, test } from 'vitest';
import type { Finding } from '../api/findings';
import { age, filterFindings, namespacesOf } from './filter';
import { controllerOf, selectorsOf, windowOf } from './profiles';

const finding = (part: Partial<Finding>): Finding => ({
  tenant: 't', cluster: 'prod', check: 'crashloop', severity: 'high', object: { kind: 'Pod', namespace: 'shop', name: 'web-0' }, since: null,
  title: 'Pod web-0 crashes', cause: 'No memory', evidence: [], fix: [], explains: [], changes: [], links: [], note: '', fingerprint: 'a', state: 'open',
  opened: '2026-01-31T12:00:00Z', seen: '2026-01-31T12:00:00Z', resolved: null, ...part,
});
const none = { cluster: null, namespace: '', severity: '', find: '' } as const;
const all = [
  finding({ fingerprint: 'a', severity: 'critical' }),
  finding({ fingerprint: 'b', severity: 'low', cluster: '' }),
  finding({ fingerprint: 'c', object: { kind: 'Namespace', namespace: '', name: 'old' } }),
  finding({ fingerprint: 'd', object: { kind: 'Node', namespace: '', name: 'n1' }, title: 'Node n1 is down' }),
];
const ids = (filter: object) => filterFindings(all, { ...none, ...filter }).map(({ fingerprint }) => fingerprint).join('');

test('filters leave what has all of them', () => {
  expect(ids({})).toBe('abcd');
  expect(ids({ severity: 'high' })).toBe('acd');
  expect(ids({ severity: 'critical' })).toBe('a');
  expect(ids({ cluster: '' })).toBe('b');
  expect(ids({ namespace: 'old' })).toBe('c');
  expect(ids({ find: 'DOWN node' })).toBe('d');
  expect(ids({ find: 'shop/web-0 memory', severity: 'high' })).toBe('a');
  expect(ids({ find: '#d' })).toBe('d');
  expect(namespacesOf(all)).toEqual(['old', 'shop']);
});

test('pods are called by their controllers', () => {
  expect(controllerOf('web-6598586d5f-bz752')).toBe('web');
  expect(controllerOf('store-gateway-2')).toBe('store-gateway');
  expect(controllerOf('agent-x7k2p')).toBe('agent');
  expect(controllerOf('web')).toBe('web');
});

test('objects are selected by the labels that name them', () => {
  expect(selectorsOf({ kind: 'Node', namespace: '', name: 'n1' }, '')).toEqual(['{node="n1"}', '{hostname="n1"}']);
  expect(selectorsOf({ kind: 'Deployment', namespace: 'shop', name: 'a.b' }, 'prod')[0])
    .toBe('{namespace="shop", pod=~"a\\\\.b(-.+)?", cluster=~"prod|"}');
  expect(selectorsOf({ kind: 'Pod', namespace: 'shop', name: 'web-0' }, '')).toEqual([
    '{namespace="shop", pod="web-0"}', '{namespace=~"shop|", service_name=~"(shop/)?web"}',
  ]);
  expect(selectorsOf({ kind: 'StorageClass', namespace: '', name: 'fast' }, '')).toEqual([]);
});

test('the time of the profiles is around the begin, and never in the future', () => {
  const at = Date.parse('2026-01-31T12:00:00Z');
  expect(windowOf(all[0]!, 'began', at + 86_400e3)).toEqual({ from: at - 900e3, until: at + 2700e3 });
  expect(windowOf(all[0]!, 'began', at + 60e3)).toEqual({ from: at - 900e3, until: at + 60e3 });
  expect(windowOf(all[0]!, 'now', at)).toEqual({ from: at - 3600e3, until: at });
  expect(age('2026-01-31T12:00:00Z', at + 7_300e3)).toBe('2 h');
});
