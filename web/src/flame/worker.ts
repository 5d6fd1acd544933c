// Runs the table and the sandwich of large profiles beside the page.
import { buffersOf, type Tree } from './columns';
import { sandwich } from './sandwich';
import { totalsByName } from './table';

export type Job = { id: number } & (
  | { kind: 'load'; tree: Tree; names: number }
  | { kind: 'totals' }
  | { kind: 'sandwich'; label: number }
);

let tree: Tree | null = null;
let names = 0;

self.onmessage = (event: MessageEvent<Job>) => {
  const job = event.data;
  if (job.kind === 'load') {
    ({ tree, names } = job);
    return;
  }
  if (!tree) return;
  if (job.kind === 'totals') {
    const totals = totalsByName(tree, names);
    self.postMessage({ id: job.id, result: totals }, { transfer: [totals.self.buffer, totals.total.buffer] });
    return;
  }
  const result = sandwich(tree, job.label);
  self.postMessage({ id: job.id, result }, { transfer: [result.callees, result.callers].flatMap(buffersOf) });
};
