// Trees of any size for tests and benches: the same numbers give the same tree.
import type { Columns } from './columns';

export function syntheticTree(nodes: number, names: number, seed: number, maxDepth = 90): Columns {
  let state = seed >>> 0 || 1;
  const random = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  const label = new Uint32Array(nodes);
  const level = new Uint32Array(nodes);
  const value = new Float64Array(nodes);
  const self = new Float64Array(nodes);
  for (let i = 1; i < nodes; i++) {
    const up = level[i - 1]! === 0 || random() < 0.72 ? 0 : Math.floor(random() * random() * level[i - 1]!) + 1;
    level[i] = Math.min(Math.max(1, level[i - 1]! + 1 - up), maxDepth);
    label[i] = 1 + Math.floor(random() * random() * (names - 1));
    self[i] = Math.floor(1e6 * random() ** 6) + 1;
  }
  const open: number[] = [];
  for (let i = nodes - 1; i >= 0; i--) value[i] = self[i]!;
  // Sum up from the leaves: a node's parent is the last node of a smaller level before it.
  const parent = new Int32Array(nodes);
  for (let i = 0; i < nodes; i++) {
    open.length = level[i]!;
    parent[i] = open.at(-1) ?? -1;
    open.push(i);
  }
  for (let i = nodes - 1; i > 0; i--) value[parent[i]!]! += value[i]!;
  const words = ['runtime', 'net/http', 'encoding/json', 'std', 'main', 'kernel', 'crypto/tls', 'database/sql'];
  return {
    label, level, value, self,
    names: Array.from({ length: names }, (_, i) => (i === 0 ? 'total' : `${words[i % words.length]}.function_${i}`)),
    meta: { total: String(value[0]), unit: 'nanoseconds', profile_type: 'process_cpu:cpu:nanoseconds:cpu:nanoseconds',
      start_ms: 0, end_ms: 0, truncated: false, partial: false },
  };
}
