// The table and the sandwich of one profile: at once for small ones, in a worker for large ones.
import { useEffect, useMemo, useState } from 'react';
import { buffersOf, type Columns, type Tree } from './columns';
import { type Sandwich, sandwich } from './sandwich';
import { type Totals, totalsByName } from './table';
import type { Job } from './worker';

const WORKER_NODES = 20_000;

let worker: Worker | null = null;
let loaded: Columns | null = null;
let nextId = 1;
const waiting = new Map<number, (result: unknown) => void>();

function workerFor(columns: Columns): Worker {
  if (!worker) {
    worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
    worker.onmessage = (event: MessageEvent<{ id: number; result: unknown }>) => {
      waiting.get(event.data.id)?.(event.data.result);
      waiting.delete(event.data.id);
    };
  }
  if (loaded !== columns) {
    loaded = columns;
    const { label, level, value, self, right } = columns;
    // The arrays are views of one buffer: copies, so that the page keeps its own.
    const tree: Tree = { label: label.slice(), level: level.slice(), value: value.slice(), self: self.slice() };
    if (right) tree.right = { value: right.value.slice(), self: right.self.slice() };
    const load: Job = { id: 0, kind: 'load', tree, names: columns.names.length };
    worker.postMessage(load, buffersOf(tree));
  }
  return worker;
}

function ask<T>(columns: Columns, job: { kind: 'totals' } | { kind: 'sandwich'; label: number }, done: (result: T) => void) {
  const target = workerFor(columns);
  const id = nextId++;
  waiting.set(id, done as (result: unknown) => void);
  target.postMessage({ ...job, id } satisfies Job);
  return () => {
    waiting.delete(id);
  };
}

const small = (columns: Columns) => columns.label.length <= WORKER_NODES;

/** null while it is computed. */
export function useTotals(columns: Columns): Totals | null {
  const direct = useMemo(() => (small(columns) ? totalsByName(columns, columns.names.length) : null), [columns]);
  const [later, setLater] = useState<{ of: Columns; totals: Totals } | null>(null);
  useEffect(() => {
    if (small(columns)) return undefined;
    return ask<Totals>(columns, { kind: 'totals' }, (totals) => setLater({ of: columns, totals }));
  }, [columns]);
  return direct ?? (later?.of === columns ? later.totals : null);
}

export function useSandwich(columns: Columns, label: number): Sandwich | null {
  const direct = useMemo(
    () => (label >= 0 && small(columns) ? sandwich(columns, label) : null),
    [columns, label],
  );
  const [later, setLater] = useState<{ of: Columns; label: number; result: Sandwich } | null>(null);
  useEffect(() => {
    if (label < 0 || small(columns)) return undefined;
    return ask<Sandwich>(columns, { kind: 'sandwich', label }, (result) => setLater({ of: columns, label, result }));
  }, [columns, label]);
  return direct ?? (later?.of === columns && later.label === label ? later.result : null);
}
