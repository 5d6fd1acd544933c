// The columns of a flame graph, as the server sends them: one entry per node, in pre-order
// (a node's subtree follows it directly), node 0 is the root.

export interface Tree {
  /** Id into the table of names. */
  label: Uint32Array;
  level: Uint32Array;
  /** Total of the node, its own share included. */
  value: Float64Array;
  self: Float64Array;
  /** Of a diff; `value` and `self` are those of the left then. */
  right?: Side;
}

/** One side of a diff, one entry per node as well. */
export interface Side {
  value: Float64Array;
  self: Float64Array;
}

/** What a tree lies in, for handing it over. */
export const buffersOf = ({ label, level, value, self, right }: Tree): ArrayBuffer[] =>
  [label, level, value, self, ...(right ? [right.value, right.self] : [])].map(({ buffer }) => buffer as ArrayBuffer);

export interface Meta {
  total: string;
  unit: string;
  profile_type: string;
  start_ms: number;
  end_ms: number;
  /** Small nodes were folded into "other" to stay below the limit of nodes. */
  truncated: boolean;
  /** A part of the stored data could not be read. */
  partial: boolean;
}

export interface Columns extends Tree {
  names: string[];
  meta: Meta;
}

export const HEADER_BYTES = 32;
export const MAGIC = 0x47465243; // "CRFG", little-endian

export const align8 = (offset: number) => (offset + 7) & ~7;

/** Decodes `application/vnd.cresset.flamegraph`. The arrays are views of `buffer`: nothing is copied. */
export function decodeColumns(buffer: ArrayBuffer): Columns {
  if (buffer.byteLength < HEADER_BYTES) throw new Error('flame graph: the answer ends inside its header');
  const header = new DataView(buffer);
  if (header.getUint32(0, true) !== MAGIC) throw new Error('flame graph: the answer is of another format');
  const version = header.getUint32(4, true);
  if (version !== 1) throw new Error(`flame graph: version ${version} is unknown; reload the page`);
  const nodes = header.getUint32(8, true);
  const names = header.getUint32(12, true);
  const metaBytes = header.getUint32(16, true);
  const nameBytes = header.getUint32(20, true);
  const sides = header.getUint32(24, true);

  let offset = HEADER_BYTES;
  const section = (bytes: number): number => {
    const start = offset;
    if (start + bytes > buffer.byteLength) throw new Error('flame graph: the answer is cut short');
    offset = align8(start + bytes);
    return start;
  };
  const metaAt = section(metaBytes);
  const value = new Float64Array(buffer, section(nodes * 8), nodes);
  const self = new Float64Array(buffer, section(nodes * 8), nodes);
  const label = new Uint32Array(buffer, section(nodes * 4), nodes);
  const level = new Uint32Array(buffer, section(nodes * 4), nodes);
  const nameOffset = new Uint32Array(buffer, section((names + 1) * 4), names + 1);
  const bytes = new Uint8Array(buffer, section(nameBytes), nameBytes);
  const numbers = () => new Float64Array(buffer, section(nodes * 8), nodes);
  const right = sides === 2 ? { right: { value: numbers(), self: numbers() } } : {};
  checkShape(label, level, names);
  const meta = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, metaAt, metaBytes))) as Meta;
  return { label, level, value, self, names: decodeNames(bytes, nameOffset), meta, ...right };
}

function checkShape(label: Uint32Array, level: Uint32Array, names: number) {
  for (let i = 0; i < label.length; i++) {
    if (label[i]! >= names) throw new Error(`flame graph: node ${i} has no name`);
    if (i === 0 ? level[0] !== 0 : level[i] === 0 || level[i]! > level[i - 1]! + 1)
      throw new Error(`flame graph: node ${i} has no parent`);
  }
}

/** Names by their byte ranges; where all are ASCII (the rule), bytes are characters and one decode serves all. */
function decodeNames(bytes: Uint8Array, offset: Uint32Array): string[] {
  const count = offset.length - 1;
  for (let i = 0; i < count; i++)
    if (offset[i]! > offset[i + 1]! || offset[i + 1]! > bytes.length)
      throw new Error(`flame graph: name ${i} lies outside of the answer`);
  const decoder = new TextDecoder();
  const all = decoder.decode(bytes);
  const ascii = all.length === bytes.length;
  const names = new Array<string>(count);
  for (let i = 0; i < count; i++)
    names[i] = ascii ? all.slice(offset[i], offset[i + 1]) : decoder.decode(bytes.subarray(offset[i], offset[i + 1]));
  return names;
}
