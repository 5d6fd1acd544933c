// A profile as it is laid out, and the frame that is zoomed.
import { useMemo } from 'react';
import type { Columns, Tree } from './columns';
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

/** `key` is that of the zoomed frame (see focus.ts); `shape` has the widths, where they are not those of the columns. */
export function useTree(columns: Columns | undefined, key: string, shape: Tree | undefined = columns): FlameTree | null {
  const layout = useMemo(() => (shape ? layOut(shape) : null), [shape]);
  return useMemo(() => {
    if (!columns || !layout) return null;
    const focus = key === '' ? 0 : Math.max(0, findFocus(layout, columns.names, key));
    const callSite = callSiteOf(columns, layout, focus);
    return { columns, layout, focus, callSite, frame: callSite.at(-1) ?? '' };
  }, [columns, layout, key]);
}
