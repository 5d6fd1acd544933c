// What calls a function, above, and what it calls, below.
import { type RefObject, useMemo, useState } from 'react';
import { formatShare, formatValue } from '../state/format';
import { Icon } from '../ui/icons';
import type { Columns, Tree } from './columns';
import { useSandwich } from './compute';
import { combined, diffScene, type SideTotals, totalsOf } from './diff';
import { FlameCanvas } from './FlameCanvas';
import { layOut } from './layout';
import { diffNumbers, numbersOf } from './numbers';
import { colourNames, type Theme } from './palette';
import { searchNames } from './search';
import type { Tooltip } from './Tooltip';
import { type SandwichSource, useExactSandwich } from './useExactSandwich';

interface SandwichProps {
  columns: Columns;
  source: SandwichSource;
  name: string;
  search: string;
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
function useHalves({ columns, source, name }: SandwichProps): { callers?: Half; callees?: Half; absent: boolean; error: string } {
  const { names, meta } = columns;
  const label = useMemo(() => (meta.truncated ? -1 : names.indexOf(name)), [names, meta, name]);
  const own = useSandwich(columns, label);
  const exact = useExactSandwich(source, name, meta.truncated);
  const half = (tree: Columns | null | undefined) => tree && { tree, names: tree.names };
  return useMemo(() => {
    if (!meta.truncated)
      return { absent: label < 0, error: '', ...(own && { callers: { tree: own.callers, names }, callees: { tree: own.callees, names } }) };
    const [callers, callees] = [half(exact.callers), half(exact.callees)];
    return { absent: callees === null || callers === null, error: exact.error, ...(callers && callees && { callers, callees }) };
  }, [meta, label, own, names, exact.callers, exact.callees, exact.error]);
}

/** The value of the function, or the shares of it on both sides of a diff. */
function valueText(tree: Tree, { value, right, meta: { unit } }: Columns): string {
  const [share, total] = [formatShare(tree.value[0]!, value[0] ?? 0), formatValue(tree.value[0]!, unit)];
  return tree.right ? `${share} → ${formatShare(tree.right.value[0]!, right?.value[0] ?? 0)}` : `${total} · ${share}`;
}

export function SandwichView(props: SandwichProps) {
  const { name, columns, onClose } = props;
  const { callers, callees, absent, error } = useHalves(props);
  return (
    <div className="sandwich">
      <div className="sandwich-bar">
        <Icon name="sandwich" />
        <strong title={name}>{name}</strong>
        {callees && <span>{valueText(callees.tree, columns)}</span>}
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

/** How a half is drawn; shares are those of the whole profile, or of both. */
function useHalfScene(tree: Tree, { value, right, meta: { unit } }: Columns) {
  return useMemo(() => {
    if (!tree.right || !right) {
      const layout = layOut(tree);
      return { layout, numbers: numbersOf(layout, tree.self, unit, value[0] ?? 0), diff: undefined };
    }
    const totals: SideTotals = totalsOf({ value, self: value }, right);
    return {
      layout: layOut(combined(tree, tree.right, totals)), numbers: diffNumbers(tree, tree.right, unit, totals), diff: diffScene(tree, tree.right, totals),
    };
  }, [tree, value, right, unit]);
}

function SandwichHalf({ tree, names, half, name, columns, search, theme, tooltip, alignRight, onClose, onMenu }: SandwichProps & Half & { half: 'callers' | 'callees' }) {
  const { layout, numbers, diff } = useHalfScene(tree, columns);
  const colour = useMemo(() => colourNames(names), [names]);
  const matches = useMemo(() => searchNames(names, search)?.matches ?? null, [names, search]);
  const [zoom, setZoom] = useState({ layout, focus: 0 });
  const focus = zoom.layout === layout ? zoom.focus : 0;
  const onFocus = (id: number) => setZoom({ layout, focus: Math.max(0, id) });
  return (
    <div className={`sandwich-half ${half}`} style={{ flexGrow: layout.depth }}>
      <span className="half-name" aria-hidden="true">{half === 'callers' ? 'Callers' : 'Callees'}</span>
      <FlameCanvas
        {...{ layout, numbers, names, colour, diff, matches, focus, theme, tooltip, alignRight, onFocus }} id={half} inverted={half === 'callers'}
        label={half === 'callers' ? `Callers of ${name}` : `Functions called by ${name}`} onEscape={onClose}
        onMenu={(id, x, y) => onMenu(names[tree.label[id]!]!, x, y, () => onFocus(id))}
      />
    </div>
  );
}
