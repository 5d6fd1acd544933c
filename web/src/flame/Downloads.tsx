// A menu of files to keep.
import { useRef, useState } from 'react';
import { saveFile } from '../ui/download';
import { Icon } from '../ui/icons';
import { Menu } from '../ui/menu';

export interface Download {
  text: string;
  make: () => Promise<{ content: Blob; name: string }>;
}

interface Props {
  /** Only what lies below the zoomed frame. */
  below: boolean;
  items: Download[];
}

export function Downloads({ below, items }: Props) {
  const button = useRef<HTMLButtonElement>(null);
  const [at, setAt] = useState<{ x: number; y: number } | null>(null);
  const [busy, setBusy] = useState(false);
  const [failed, setFailed] = useState('');
  const close = () => {
    setAt(null);
    button.current?.focus();
  };
  const download = async ({ make }: Download) => {
    setBusy(true);
    setFailed('');
    try {
      const { content, name } = await make();
      saveFile(content, name);
    } catch (error) {
      setFailed(error instanceof Error ? error.message : String(error));
    }
    setBusy(false);
  };
  const title = below ? 'Download what lies below the zoomed frame' : 'Download';
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
          items={items.map((item) => ({ text: item.text, icon: 'download', run: () => void download(item) }))} />
      )}
    </>
  );
}
