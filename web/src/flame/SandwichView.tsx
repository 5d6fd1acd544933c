// What calls a function, above, and what it calls, below.
import { type RefObject, useMemo, useState } from 'react';
import { formatShare, formatValue } from '../state/format';
import { Icon } from '../ui/icons';
import type { Columns, Tree } from './columns';
import { useSandwich } from './compute';
import { FlameCanvas } from './FlameCanvas';
import { layOut } from './layout';
import { numbersOf } from './numbers';
import type { Theme } from './palette';
import type { Tooltip } from './Tooltip';

interface SandwichProps {
  columns: Columns;
  label: number;
  name: string;
  names: string[];
  colour: Uint8Array;
  matches: Uint8Array | null;
  unit: string;
  total: number;
  theme: Theme;
  tooltip: RefObject<Tooltip | null>;
  alignRight: boolean;
  onClose: () => void;
  onMenu: (name: string, x: number, y: number, zoom: () => void) => void;
}

export function SandwichView({ columns, label, name, onClose, onMenu, ...shared }: SandwichProps) {
  const result = useSandwich(columns, label);
  return (
    <div className="sandwich">
      <div className="sandwich-bar">
        <Icon name="sandwich" />
        <strong title={name}>{name}</strong>
        {result && <span>{formatValue(result.total, shared.unit)} · {formatShare(result.total, shared.total)}</span>}
        <button type="button" onClick={onClose}><Icon name="close" /> Close the sandwich</button>
      </div>
      {label < 0 && <p className="none" role="status">This function does not occur in the range and the labels chosen. Widen them, or close the sandwich.</p>}
      {label >= 0 && !result && <p className="none" role="status">Merging…</p>}
      {label >= 0 && result && (
        <>
          <SandwichHalf key={`up-${label}`} {...shared} tree={result.callers} half="callers" name={name} onClose={onClose} onMenu={onMenu} />
          <SandwichHalf key={`down-${label}`} {...shared} tree={result.callees} half="callees" name={name} onClose={onClose} onMenu={onMenu} />
        </>
      )}
    </div>
  );
}

type HalfProps = Omit<SandwichProps, 'columns' | 'label'> & { tree: Tree; half: 'callers' | 'callees' };

function SandwichHalf({ tree, half, name, unit, total, onClose, onMenu, ...shared }: HalfProps) {
  const layout = useMemo(() => layOut(tree), [tree]);
  const numbers = useMemo(() => numbersOf(layout, tree.self, unit, total), [layout, tree, unit, total]);
  const [zoom, setZoom] = useState({ layout, focus: 0 });
  const focus = zoom.layout === layout ? zoom.focus : 0;
  const onFocus = (id: number) => setZoom({ layout, focus: Math.max(0, id) });
  return (
    <div className={`sandwich-half ${half}`} style={{ flexGrow: layout.depth }}>
      <span className="half-name" aria-hidden="true">{half === 'callers' ? 'Callers' : 'Callees'}</span>
      <FlameCanvas
        {...shared} id={half} layout={layout} numbers={numbers} focus={focus} inverted={half === 'callers'}
        label={half === 'callers' ? `Callers of ${name}` : `Functions called by ${name}`}
        onFocus={onFocus} onEscape={onClose}
        onMenu={(id, x, y) => onMenu(shared.names[tree.label[id]!]!, x, y, () => onFocus(id))}
      />
    </div>
  );
}
