// What calls a function, above, and what it calls, below.
import { type RefObject, useMemo, useState } from 'react';
import type { FlameRequest } from '../api/client';
import { formatShare, formatValue } from '../state/format';
import { Icon } from '../ui/icons';
import type { Columns, Tree } from './columns';
import { useSandwich } from './compute';
import { FlameCanvas } from './FlameCanvas';
import { layOut } from './layout';
import { numbersOf } from './numbers';
import { colourNames, type Theme } from './palette';
import { searchNames } from './search';
import type { Tooltip } from './Tooltip';
import { useExactSandwich } from './useExactSandwich';

interface SandwichProps {
  columns: Columns;
  tenant: string;
  request: FlameRequest;
  name: string;
  search: string;
  unit: string;
  total: number;
  theme: Theme;
  tooltip: RefObject<Tooltip | null>;
  alignRight: boolean;
  onClose: () => void;
  onMenu: (name: string, x: number, y: number, zoom: () => void) => void;
}

interface Half {
  tree: Tree;
  names: string[];
}

/** Of a truncated profile the server makes it, which has every frame. */
function useHalves({ columns, tenant, request, name }: SandwichProps): { callers?: Half; callees?: Half; absent: boolean; error: string } {
  const { names, meta } = columns;
  const label = useMemo(() => (meta.truncated ? -1 : names.indexOf(name)), [names, meta, name]);
  const own = useSandwich(columns, label);
  const exact = useExactSandwich(tenant, request, name, meta.truncated);
  const half = (tree: Columns | null | undefined) => tree && { tree, names: tree.names };
  return useMemo(() => {
    if (!meta.truncated)
      return { absent: label < 0, error: '', ...(own && { callers: { tree: own.callers, names }, callees: { tree: own.callees, names } }) };
    const [callers, callees] = [half(exact.callers), half(exact.callees)];
    return { absent: callees === null || callers === null, error: exact.error, ...(callers && callees && { callers, callees }) };
  }, [meta, label, own, names, exact.callers, exact.callees, exact.error]);
}

export function SandwichView(props: SandwichProps) {
  const { name, unit, total, onClose } = props;
  const { callers, callees, absent, error } = useHalves(props);
  return (
    <div className="sandwich">
      <div className="sandwich-bar">
        <Icon name="sandwich" />
        <strong title={name}>{name}</strong>
        {callees && <span>{formatValue(callees.tree.value[0]!, unit)} · {formatShare(callees.tree.value[0]!, total)}</span>}
        <button type="button" onClick={onClose}><Icon name="close" /> Close the sandwich</button>
      </div>
      {absent && <p className="none" role="status">This function does not occur in the range and the labels chosen. Widen them, or close the sandwich.</p>}
      {error !== '' && <p className="none field-error" role="alert">{error}</p>}
      {!absent && error === '' && !callers && <p className="none" role="status">Merging…</p>}
      {callers && callees && (
        <>
          <SandwichHalf key={`up-${name}`} {...props} {...callers} half="callers" />
          <SandwichHalf key={`down-${name}`} {...props} {...callees} half="callees" />
        </>
      )}
    </div>
  );
}

function SandwichHalf({ tree, names, half, name, search, unit, total, theme, tooltip, alignRight, onClose, onMenu }: SandwichProps & Half & { half: 'callers' | 'callees' }) {
  const layout = useMemo(() => layOut(tree), [tree]);
  const numbers = useMemo(() => numbersOf(layout, tree.self, unit, total), [layout, tree, unit, total]);
  const colour = useMemo(() => colourNames(names), [names]);
  const matches = useMemo(() => searchNames(names, search)?.matches ?? null, [names, search]);
  const [zoom, setZoom] = useState({ layout, focus: 0 });
  const focus = zoom.layout === layout ? zoom.focus : 0;
  const onFocus = (id: number) => setZoom({ layout, focus: Math.max(0, id) });
  return (
    <div className={`sandwich-half ${half}`} style={{ flexGrow: layout.depth }}>
      <span className="half-name" aria-hidden="true">{half === 'callers' ? 'Callers' : 'Callees'}</span>
      <FlameCanvas
        {...{ layout, numbers, names, colour, matches, focus, theme, tooltip, alignRight, onFocus }} id={half} inverted={half === 'callers'}
        label={half === 'callers' ? `Callers of ${name}` : `Functions called by ${name}`} onEscape={onClose}
        onMenu={(id, x, y) => onMenu(names[tree.label[id]!]!, x, y, () => onFocus(id))}
      />
    </div>
  );
}
