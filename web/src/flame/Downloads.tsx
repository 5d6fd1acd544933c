// Files of what is selected, or of what lies below the zoomed frame, made by the server.
import { useRef, useState } from 'react';
import { type ExportFormat, type FlameRequest, getExport } from '../api/client';
import { saveFile } from '../ui/download';
import { Icon } from '../ui/icons';
import { Menu } from '../ui/menu';

const formats: readonly [ExportFormat, string][] = [
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

export function Downloads({ tenant, request }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState('');
  const close = () => {
    setAt(null);
    button.current?.focus();
  };
  const download = async (format: ExportFormat) => {
    setBusy(true);
    setFailed('');
    try {
      const { content, name } = await getExport(tenant, request, format);
      saveFile(content, name);
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  const title = request.callSite?.length ? 'Download what lies below the zoomed frame' : 'Download';
  return (
    <>
      {failed !== '' && <span className="field-error" role="alert">{failed}</span>}
      <button ref={button} type="button" className={`tool${busy ? ' busy' : ''}`} title={title} aria-label={title} aria-haspopup="menu" aria-busy={busy}
        aria-expanded={at !== null} disabled={busy}
        onClick={() => {
          const edge = button.current!.getBoundingClientRect();
          setAt({ x: edge.right, y: edge.bottom + 3 });
        }}>
        <Icon name={busy ? 'refresh' : 'download'} />
      </button>
      {at && (
        <Menu label={title} title={title} {...at} onClose={close}
          items={formats.map(([format, text]) => ({ text, icon: 'download', run: () => void download(format) }))} />
      )}
    </>
  );
}
