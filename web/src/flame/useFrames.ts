// What the frames of a panel share: zooming, searching, the tooltip, the menu and copying.
import { useCallback, useEffect, useRef, useState } from 'react';
import type { ExploreState } from '../state/url';
import { copyText } from '../ui/clipboard';
import { FOLDED, focusKey } from './focus';
import { escapeRegExp } from './search';
import type { Tooltip } from './Tooltip';
import type { FlameTree } from './useTree';

interface OpenMenu {
  name: string;
  x: number;
  y: number;
  focus: () => void;
}

export function useFrames({ layout, columns: { names, meta: { truncated } } }: FlameTree, set: (patch: Partial<ExploreState>, replace?: boolean) => void) {
  const tooltip = useRef<Tooltip>(null);
  const [menu, setMenu] = useState<OpenMenu | null>(null);
  const [copied, setCopied] = useState('');
  // What was folded is found below its caller, once that is asked for.
  const focusNode = useCallback((id: number) => {
    const to = truncated && names[layout.label[id]!] === FOLDED ? layout.parent[id]! : id;
    set({ focus: to <= 0 ? '' : focusKey(layout, names, to) });
  }, [set, layout, names, truncated]);
  const searchFor = useCallback((name: string) => set({ search: `^${escapeRegExp(name)}$` }), [set]);
  const copy = useCallback((text: string) => {
    void copyText(text).then((done) => setCopied(done ? text : ''));
  }, []);
  useEffect(() => {
    if (copied === '') return undefined;
    const timer = setTimeout(() => setCopied(''), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const closeMenu = useCallback(() => setMenu(null), []);
  return { tooltip, menu, setMenu, closeMenu, copied, copy, focusNode, searchFor };
}
