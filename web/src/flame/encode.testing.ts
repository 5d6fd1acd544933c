// The encoding that columns.ts decodes: for tests and benches.
import { align8, type Columns, HEADER_BYTES, MAGIC, type Meta } from './columns';

export interface Node {
  name: string;
  self?: number;
  children?: Node[];
}

/** The bytes of a tree of objects. */
export function encodeTree(root: Node, meta: Partial<Meta> = {}): ArrayBuffer {
  const label: number[] = [];
  const level: number[] = [];
  const value: number[] = [];
  const self: number[] = [];
  const ids = new Map<string, number>();
  const visit = (node: Node, depth: number): number => {
    const at = label.length;
    if (!ids.has(node.name)) ids.set(node.name, ids.size);
    label.push(ids.get(node.name)!);
    level.push(depth);
    self.push(node.self ?? 0);
    value.push(0);
    let total = node.self ?? 0;
    for (const child of node.children ?? []) total += visit(child, depth + 1);
    value[at] = total;
    return total;
  };
  const total = visit(root, 0);
  return encodeColumns({
    label: Uint32Array.from(label), level: Uint32Array.from(level),
    value: Float64Array.from(value), self: Float64Array.from(self), names: [...ids.keys()],
    meta: {
      total: String(total), unit: 'nanoseconds', profile_type: 'process_cpu:cpu:nanoseconds:cpu:nanoseconds',
      start_ms: 0, end_ms: 0, truncated: false, partial: false, ...meta,
    },
  });
}

export function encodeColumns({ label, level, value, self, names, meta, right }: Columns): ArrayBuffer {
  const text = new TextEncoder();
  const parts = names.map((name) => text.encode(name));
  const nameOffset = [0];
  for (const part of parts) nameOffset.push(nameOffset.at(-1)! + part.length);
  const json = text.encode(JSON.stringify(meta));
  const nodes = label.length;
  const sizes = [json.length, nodes * 8, nodes * 8, nodes * 4, nodes * 4, nameOffset.length * 4, nameOffset.at(-1)!, ...(right ? [nodes * 8, nodes * 8] : [])];
  const starts: number[] = [];
  let end = HEADER_BYTES;
  for (const size of sizes) {
    starts.push(end);
    end = align8(end + size);
  }
  const buffer = new ArrayBuffer(end);
  new Uint32Array(buffer, 0, 8).set([MAGIC, 1, nodes, names.length, json.length, nameOffset.at(-1)!, right ? 2 : 1, 0]);
  const bytes = new Uint8Array(buffer);
  bytes.set(json, starts[0]);
  new Float64Array(buffer, starts[1], nodes).set(value);
  new Float64Array(buffer, starts[2], nodes).set(self);
  new Uint32Array(buffer, starts[3], nodes).set(label);
  new Uint32Array(buffer, starts[4], nodes).set(level);
  new Uint32Array(buffer, starts[5], nameOffset.length).set(nameOffset);
  parts.forEach((part, i) => bytes.set(part, starts[6]! + nameOffset[i]!));
  if (right) {
    new Float64Array(buffer, starts[7], nodes).set(right.value);
    new Float64Array(buffer, starts[8], nodes).set(right.self);
  }
  return buffer;
}
