// The tooltip of a frame: one element, filled and moved without rendering.
import { type Ref, useImperativeHandle, useRef } from 'react';

interface TooltipContent {
  x: number;
  y: number;
  name: string;
  /** Rows of cells; the first cell names its row. */
  rows: string[][];
}

export interface Tooltip {
  move: (content: TooltipContent | null) => void;
}

function fill(table: HTMLTableElement, rows: string[][]) {
  table.replaceChildren(...rows.map((cells) => {
    const row = document.createElement('tr');
    row.append(...cells.map((text, i) => {
      const cell = document.createElement(i === 0 ? 'th' : 'td');
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
}

export function FlameTooltip({ ref }: { ref: Ref<Tooltip> }) {
  const root = useRef<HTMLDivElement>(null);
  const name = useRef<HTMLDivElement>(null);
  const table = useRef<HTMLTableElement>(null);
  const shown = useRef('');
  useImperativeHandle(ref, () => ({
    move: (content) => {
      const box = root.current;
      if (!box) return;
      if (!content) {
        box.style.visibility = 'hidden';
        return;
      }
      const text = JSON.stringify([content.name, content.rows]);
      if (text !== shown.current) {
        shown.current = text;
        name.current!.textContent = content.name;
        fill(table.current!, content.rows);
      }
      const x = content.x + 14 + box.offsetWidth > window.innerWidth ? content.x - box.offsetWidth - 10 : content.x + 14;
      const y = content.y + 18 + box.offsetHeight > window.innerHeight ? content.y - box.offsetHeight - 10 : content.y + 18;
      box.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
      box.style.visibility = 'visible';
    },
  }), []);
  return (
    <div ref={root} className="tooltip" role="presentation" aria-hidden="true">
      <div className="tooltip-name" ref={name} />
      <table ref={table} />
    </div>
  );
}
