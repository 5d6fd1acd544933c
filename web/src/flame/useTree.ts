// A profile as it is laid out, and the frame that is zoomed.
import { useMemo } from 'react';
import type { Columns } from './columns';
import { combined } from './diff';
import { callSiteOf, findFocus } from './focus';
import { type Layout, layOut } from './layout';

export interface FlameTree {
  columns: Columns;
  layout: Layout;
  /** The zoomed frame; 0: none. */
  focus: number;
  /** What the server finds the zoomed frame by; empty: none. */
  callSite: string[];
  /** Name of the frame that the call site ends at, or ''. */
  frame: string;
}

const shapeOf = (columns: Columns) => (columns.right ? combined(columns, columns.right) : columns);

/** `key` is that of the zoomed frame (see focus.ts). */
export function useTree(columns: Columns | undefined, key: string): FlameTree | null {
  const layout = useMemo(() => (columns ? layOut(shapeOf(columns)) : null), [columns]);
  return useMemo(() => {
    if (!columns || !layout) return null;
    const focus = key === '' ? 0 : Math.max(0, findFocus(layout, columns.names, key));
    const callSite = callSiteOf(columns, layout, focus);
    return { columns, layout, focus, callSite, frame: callSite.at(-1) ?? '' };
  }, [columns, layout, key]);
}
