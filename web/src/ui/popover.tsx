// A panel below its button; Escape or a click elsewhere closes it and gives the focus back.
import { type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';

const MARGIN = 4; // pixels to the edges of the window

interface Props {
  label: string;
  button: ReactNode;
  buttonClass?: string;
  title?: string | undefined;
  children: (close: () => void) => ReactNode;
  alignEnd?: boolean;
}

export function Popover({ label, button, buttonClass, title, children, alignEnd }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  // Moved into the window, where it would stand out of it.
  useLayoutEffect(() => {
    if (!open) return;
    const { left, right } = panel.current!.getBoundingClientRect();
    const room = document.documentElement.clientWidth - MARGIN - right;
    panel.current!.style.translate = `${Math.max(MARGIN - left, Math.min(0, room))}px`;
  }, [open]);
  useEffect(() => {
    if (!open) return undefined;
    const outside = (event: PointerEvent) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);
  const close = () => {
    setOpen(false);
    trigger.current?.focus();
  };
  return (
    <div
      className="popover-root"
      ref={root}
      onKeyDown={(event) => {
        if (event.key === 'Escape' && open) {
          event.stopPropagation();
          close();
        }
      }}
    >
      <button ref={trigger} type="button" className={buttonClass} aria-haspopup="dialog" aria-expanded={open} title={title}
        onClick={() => setOpen(!open)}>
        {button}
      </button>
      {open && (
        <div ref={panel} role="dialog" aria-label={label} className={`popover ${alignEnd ? 'end' : ''}`}>{children(close)}</div>
      )}
    </div>
  );
}
