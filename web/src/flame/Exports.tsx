// Files of what is selected, or of what lies below the zoomed frame, made by the server.
import { type ExportFormat, type FlameRequest, getExport } from '../api/client';
import { Downloads } from './Downloads';

export const exportFormats: readonly [ExportFormat, string][] = [
  ['pprof', 'pprof: for go tool pprof'],
  ['collapsed', 'Collapsed stacks: for flamegraph.pl'],
  ['speedscope', 'speedscope: for speedscope.app'],
  ['perf-script', 'perf script: for the Firefox Profiler'],
  ['dot', 'Call graph as DOT: for Graphviz'],
];

interface Props {
  tenant: string;
  request: Omit<FlameRequest, 'nodes'>;
}

export function Exports({ tenant, request }: Props) {
  return (
    <Downloads below={Boolean(request.callSite?.length)}
      items={exportFormats.map(([format, text]) => ({ text, make: () => getExport(tenant, request, format) }))} />
  );
}
