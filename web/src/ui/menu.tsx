// A context menu at a point of the page.
import { type KeyboardEvent, useEffect, useLayoutEffect, useRef } from 'react';
import { Icon, type IconName } from './icons';

interface MenuItem {
  text: string;
  icon: IconName;
  run: () => void;
}

interface Props {
  label: string;
  title: string;
  x: number;
  y: number;
  items: MenuItem[];
  onClose: () => void;
}

export function Menu({ label, title, x, y, items, onClose }: Props) {
  const root = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const menu = root.current!;
    menu.style.left = `${Math.max(4, Math.min(x, window.innerWidth - menu.offsetWidth - 8))}px`;
    menu.style.top = `${Math.max(4, Math.min(y, window.innerHeight - menu.offsetHeight - 8))}px`;
    menu.querySelector<HTMLElement>('[role=menuitem]')?.focus();
  }, [x, y]);
  useEffect(() => {
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) onClose();
    };
    document.addEventListener('pointerdown', outside);
    window.addEventListener('blur', onClose);
    return () => {
      document.removeEventListener('pointerdown', outside);
      window.removeEventListener('blur', onClose);
    };
  }, [onClose]);
  const onKeyDown = (event: KeyboardEvent) => {
    const all = [...root.current!.querySelectorAll<HTMLElement>('[role=menuitem]')];
    const at = all.indexOf(document.activeElement as HTMLElement);
    event.stopPropagation();
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      onClose();
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      all[(at + (event.key === 'ArrowDown' ? 1 : -1) + all.length) % all.length]?.focus();
    } else if (event.key === 'Home') all[0]?.focus();
    else if (event.key === 'End') all.at(-1)?.focus();
  };
  return (
    <div ref={root} className="menu" role="menu" aria-label={label} onKeyDown={onKeyDown}>
      <div className="menu-title" role="presentation">{title}</div>
      {items.map((item) => (
        <button key={item.text} type="button" role="menuitem" tabIndex={-1}
          onClick={() => {
            onClose();
            item.run();
          }}>
          <Icon name={item.icon} />
          {item.text}
        </button>
      ))}
    </div>
  );
}
