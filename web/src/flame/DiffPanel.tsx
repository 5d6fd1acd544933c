// The flame graph of a diff with its legend, table, search, sandwich, downloads and menu. The state lives in the address.
import { useCallback, useMemo } from 'react';
import { type Around, type DiffRequest, getDiff } from '../api/client';
import { formatChange, formatPoints, formatShare, formatValue } from '../state/format';
import type { ExploreState } from '../state/url';
import { Menu } from '../ui/menu';
import { Choices } from '../ui/parts';
import { useTheme } from '../ui/theme';
import { Breadcrumbs } from './Breadcrumbs';
import type { Columns, Side } from './columns';
import { DiffExports } from './DiffExports';
import { type DiffSort, diffScene, diffTotals, sharesByName, sortedShares, stepText } from './diff';
import { FlameCanvas } from './FlameCanvas';
import { type Column, FlameTable } from './FlameTable';
import { FlameToolbar, PaneChoices } from './FlameToolbar';
import { widestOf } from './focus';
import { diffNumbers } from './numbers';
import { coloursOf, DIFF_STEPS, SAME, type Theme } from './palette';
import { SandwichView } from './SandwichView';
import { matchedValue, searchNames } from './search';
import { FlameTooltip } from './Tooltip';
import { useFrames } from './useFrames';
import type { FlameTree } from './useTree';

interface Props {
  tree: FlameTree;
  right: Side;
  tenant: string;
  /** What is shown. */
  request: DiffRequest;
  state: ExploreState;
  set: (patch: Partial<ExploreState>, replace?: boolean) => void;
}

export function DiffPanel({ tree, right, tenant, request, state, set }: Props) {
  const theme = useTheme();
  const { columns, layout, focus, callSite } = tree;
  const { names } = columns;
  const diff = useMemo(() => diffScene(columns, right), [columns, right]);
  const numbers = useMemo(() => diffNumbers(columns, right, columns.meta.unit), [columns, right]);
  const colour = useMemo(() => new Uint8Array(names.length), [names]); // frames have those of the diff
  const search = useMemo(() => searchNames(names, state.search), [names, state.search]);
  const { tooltip, menu, setMenu, closeMenu, copied, copy, focusNode, searchFor } = useFrames(tree, set);
  const source = useMemo(() => ({
    key: [tenant, request], fetch: (around: Around, signal: AbortSignal) => getDiff(tenant, { ...request, around }, signal),
  }), [tenant, request]);
  const openSandwich = useCallback((name: string) => set({ sandwich: name, focus: '' }), [set]);
  const matches = search?.matches ?? null;
  const matched = useMemo(() => {
    if (!matches) return '';
    const [from, to] = [Math.max(1, focus), layout.end[focus] ?? 0];
    const share = (side: Side) => formatShare(matchedValue({ ...columns, ...side }, layout.end, matches, from, to), side.value[focus] ?? 0);
    return `${share(columns)} → ${share(right)}`;
  }, [columns, right, layout, matches, focus]);
  const shares = [formatShare(columns.value[focus] ?? 0, columns.value[0] ?? 0), formatShare(right.value[focus] ?? 0, right.value[0] ?? 0)];
  return (
    <section className="flame-panel" aria-label="Flame graph of the differences">
      <FlameToolbar {...{ state, set, search, columns, copied, matched }}>
        <Legend theme={theme} />
        <Choices label="Numbers of the table" value={state.measure} onChange={(measure) => set({ measure }, true)}
          choices={[{ value: 'total', text: 'Total' }, { value: 'self', text: 'Self' }]} />
        <PaneChoices state={state} set={set} />
        <DiffExports tenant={tenant} request={{ ...request, callSite }} />
      </FlameToolbar>
      <Breadcrumbs layout={layout} names={names} focus={focus} onFocus={focusNode} share={`${shares[0]} → ${shares[1]}`} />
      <div className={`flame-body split-${state.split}`}>
        {state.split !== 'flame' && (
          <div className="table-pane">
            <DiffTable columns={columns} right={right} matches={matches} state={state} set={set}
              selected={focus > 0 ? columns.label[focus]! : state.sandwich === '' ? -1 : names.indexOf(state.sandwich)}
              onFocus={(name) => {
                if (state.sandwich !== '') openSandwich(name);
                else focusNode(widestOf(layout, names.indexOf(name)));
              }}
              onSearch={searchFor} onSandwich={openSandwich} />
          </div>
        )}
        {state.split !== 'table' && (
          <div className="graph-pane">
            {state.sandwich === '' ? (
              <FlameCanvas
                {...{ layout, names, colour, diff, matches, numbers, focus, theme, tooltip }} id="flame" alignRight={state.align === 'right'}
                label={`Flame graph of the differences of ${names.length - 1} functions`}
                onFocus={focusNode}
                onMenu={(id, x, y) => setMenu({ name: names[columns.label[id]!]!, x, y, focus: () => focusNode(id) })}
              />
            ) : (
              <SandwichView
                {...{ columns, source, theme, tooltip }} name={state.sandwich} search={state.search} alignRight={state.align === 'right'}
                onClose={() => set({ sandwich: '' })}
                onMenu={(name, x, y, zoom) => setMenu({ name, x, y, focus: zoom })}
              />
            )}
          </div>
        )}
      </div>
      <FlameTooltip ref={tooltip} />
      {menu && (
        <Menu label={`Actions for ${menu.name}`} title={menu.name} x={menu.x} y={menu.y} onClose={closeMenu}
          items={[
            { text: 'Focus this frame', icon: 'target', run: menu.focus },
            { text: 'Sandwich: callers and callees', icon: 'sandwich', run: () => openSandwich(menu.name) },
            { text: 'Search for this function', icon: 'search', run: () => searchFor(menu.name) },
            { text: 'Copy the function’s name', icon: 'copy', run: () => copy(menu.name) },
          ]}
        />
      )}
    </section>
  );
}

const steps = Array.from({ length: 2 * DIFF_STEPS + 1 }, (_, i) => i - DIFF_STEPS);

function Legend({ theme }: { theme: Theme }) {
  const { fills } = coloursOf(theme);
  return (
    <div className="legend">
      <span>smaller share</span>
      <ul aria-label="Colours">
        {steps.map((step) => (
          <li key={step} style={{ background: fills[SAME + step]! }} title={stepText(step)}><span className="sr-only">{stepText(step)}</span></li>
        ))}
      </ul>
      <span>larger share</span>
    </div>
  );
}

interface TableProps extends Pick<Props, 'right' | 'state' | 'set'> {
  columns: Columns;
  matches: Uint8Array | null;
  selected: number;
  onFocus: (name: string) => void;
  onSearch: (name: string) => void;
  onSandwich: (name: string) => void;
}

function DiffTable({ columns, right, matches, state, set, ...rest }: TableProps) {
  const { names, meta } = columns;
  const { measure, order, desc } = state;
  const totals = useMemo(() => diffTotals(columns, right), [columns, right]);
  const shares = useMemo(
    () => sharesByName(totals, measure, columns.value[0] ?? 0, right.value[0] ?? 0),
    [totals, measure, columns, right],
  );
  const rows = useMemo(
    () => sortedShares(shares, names, columns.label[0] ?? 0, order, desc, matches),
    [shares, names, columns, order, desc, matches],
  );
  const shown = useMemo(() => {
    const [before, after] = [totals.left[measure], totals.right[measure]];
    const format = (value: number) => formatShare(value, 1);
    const list: Column<Exclude<DiffSort, 'name'>>[] = [
      { key: 'left', text: 'Baseline', values: shares.left, format, title: (label) => formatValue(before[label]!, meta.unit) },
      { key: 'right', text: 'Comparison', values: shares.right, format, title: (label) => formatValue(after[label]!, meta.unit) },
      {
        key: 'change', text: 'Change', values: shares.change, format: formatPoints,
        title: (label) => `share: ${formatChange(shares.left[label]!, shares.right[label]!)}, value: ${formatChange(before[label]!, after[label]!)}`,
      },
    ];
    return list;
  }, [shares, totals, measure, meta.unit]);
  return (
    <FlameTable rows={rows} names={names} columns={shown} truncated={meta.truncated} sort={order} desc={desc}
      onSort={(next, down) => set({ order: next, desc: down }, true)} {...rest} />
  );
}
