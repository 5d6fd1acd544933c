// The tooltip of a frame: one element, filled and moved without rendering.
import { type Ref, useImperativeHandle, useRef } from 'react';

export interface TooltipContent {
  x: number;
  y: number;
  name: string;
  total: string;
  self: string;
  exact: string;
  /** Share of the zoomed frame, or ''. */
  zoom: string;
}

export interface Tooltip {
  move: (content: TooltipContent | null) => void;
}

export function FlameTooltip({ ref }: { ref: Ref<Tooltip> }) {
  const root = useRef<HTMLDivElement>(null);
  useImperativeHandle(ref, () => ({
    move: (content) => {
      const box = root.current;
      if (!box) return;
      if (!content) {
        box.style.visibility = 'hidden';
        return;
      }
      const parts = box.querySelectorAll('[data-part]');
      for (const part of parts) {
        const key = (part as HTMLElement).dataset['part'] as 'name' | 'total' | 'self' | 'exact' | 'zoom';
        if (part.textContent !== content[key]) part.textContent = content[key];
      }
      box.classList.toggle('zoomed', content.zoom !== '');
      const x = content.x + 14 + box.offsetWidth > window.innerWidth ? content.x - box.offsetWidth - 10 : content.x + 14;
      const y = content.y + 18 + box.offsetHeight > window.innerHeight ? content.y - box.offsetHeight - 10 : content.y + 18;
      box.style.transform = `translate(${Math.max(4, x)}px, ${Math.max(4, y)}px)`;
      box.style.visibility = 'visible';
    },
  }), []);
  return (
    <div ref={root} className="tooltip" role="presentation" aria-hidden="true">
      <div className="tooltip-name" data-part="name" />
      <dl>
        <dt>Total</dt><dd data-part="total" />
        <dt>Self</dt><dd data-part="self" />
        <dt className="zoom-only">Of the zoomed frame</dt><dd className="zoom-only" data-part="zoom" />
        <dt>Exactly</dt><dd data-part="exact" />
      </dl>
    </div>
  );
}
