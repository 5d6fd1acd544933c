// The flame graph with its table, search, sandwich and menu. The state lives in the address.
import { type ReactNode, useCallback, useMemo } from 'react';
import type { FlameRequest } from '../api/client';
import { formatExact, formatShare, formatValue } from '../state/format';
import type { ExploreState } from '../state/url';
import { Menu } from '../ui/menu';
import { Choices } from '../ui/parts';
import { useTheme } from '../ui/theme';
import { Breadcrumbs } from './Breadcrumbs';
import type { Columns } from './columns';
import { useTotals } from './compute';
import { Downloads } from './Downloads';
import { FlameCanvas } from './FlameCanvas';
import { type Column, FlameTable } from './FlameTable';
import { widestOf } from './focus';
import { numbersOf } from './numbers';
import { colourNames } from './palette';
import { SandwichView } from './SandwichView';
import { SearchBox } from './SearchBox';
import { matchedValue, type Search, searchNames } from './search';
import { sortedRows, type Totals } from './table';
import { FlameTooltip } from './Tooltip';
import { useFrames } from './useFrames';
import type { FlameTree } from './useTree';

interface Props {
  columns: Columns;
  state: ExploreState;
  set: (patch: Partial<ExploreState>, replace?: boolean) => void;
}

interface PanelProps extends Omit<Props, 'columns'> {
  tree: FlameTree;
  tenant: string;
  /** What is shown. */
  request: FlameRequest;
}

export function FlamePanel({ tree, tenant, request, state, set }: PanelProps) {
  const theme = useTheme();
  const { columns, layout, focus, callSite } = tree;
  const { names } = columns;
  const unit = columns.meta.unit;
  const colour = useMemo(() => colourNames(names), [names]);
  const total = columns.value[0] ?? 0;
  const numbers = useMemo(() => numbersOf(layout, columns.self, unit, total), [layout, columns, unit, total]);
  const search = useMemo(() => searchNames(names, state.search), [names, state.search]);
  const totals = useTotals(columns);
  const sandwichLabel = useMemo(() => (state.sandwich === '' ? -1 : names.indexOf(state.sandwich)), [names, state.sandwich]);
  const { tooltip, menu, setMenu, closeMenu, copied, copy, focusNode, searchFor } = useFrames(layout, names, set);
  const openSandwich = useCallback((name: string) => set({ sandwich: name, focus: '' }), [set]);

  const shared = { names, colour, matches: search?.matches ?? null, theme, tooltip, alignRight: state.align === 'right' };
  const within = columns.value[focus] ?? 0;
  const matched = useMemo(
    () => (search ? matchedValue(columns, layout.end, search.matches, Math.max(1, focus), layout.end[focus] ?? 0) : 0),
    [columns, layout, search, focus],
  );
  return (
    <section className="flame-panel" aria-label="Flame graph">
      <FlameToolbar {...{ state, set, search, columns, copied }} matched={formatShare(matched, within)}>
        <span className="total" title={formatExact(total, unit)}>Total {formatValue(total, unit)}</span>
        <PaneChoices state={state} set={set} />
        <Downloads tenant={tenant} request={{ ...request, callSite }} />
      </FlameToolbar>
      <Breadcrumbs layout={layout} names={names} focus={focus} onFocus={focusNode}
        share={`${formatValue(within, unit)} · ${formatShare(within, total)}`} />
      <div className={`flame-body split-${state.split}`}>
        {state.split !== 'flame' && (
          <div className="table-pane">
            {totals ? (
              <TotalsTable totals={totals} columns={columns} matches={shared.matches} state={state}
                selected={focus > 0 ? columns.label[focus]! : sandwichLabel}
                onSort={(sort, desc) => set({ sort, desc }, true)}
                onFocus={(name) => (state.sandwich !== '' ? openSandwich(name) : focusNode(widestOf(layout, names.indexOf(name))))}
                onSearch={searchFor} onSandwich={openSandwich} />
            ) : <p className="none" role="status">Adding up…</p>}
          </div>
        )}
        {state.split !== 'table' && (
          <div className="graph-pane">
            {state.sandwich === '' ? (
              <FlameCanvas
                {...shared} id="flame" layout={layout} numbers={numbers} focus={focus}
                label={`Flame graph of ${names.length - 1} functions, ${formatValue(total, unit)} in all`}
                onFocus={focusNode} onEscape={() => undefined}
                onMenu={(id, x, y) => setMenu({ name: names[columns.label[id]!]!, x, y, focus: () => focusNode(id) })}
              />
            ) : (
              <SandwichView
                {...shared} columns={columns} label={sandwichLabel} name={state.sandwich} unit={unit} total={total}
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

interface TotalsProps {
  totals: Totals;
  columns: Columns;
  matches: Uint8Array | null;
  state: ExploreState;
  selected: number;
  onSort: (sort: ExploreState['sort'], desc: boolean) => void;
  onFocus: (name: string) => void;
  onSearch: (name: string) => void;
  onSandwich: (name: string) => void;
}

function TotalsTable({ totals, columns, matches, state: { sort, desc }, ...rest }: TotalsProps) {
  const { names, meta } = columns;
  const total = columns.value[0] ?? 0;
  const rows = useMemo(
    () => sortedRows(totals, names, columns.label[0] ?? 0, sort, desc, matches),
    [totals, names, columns, sort, desc, matches],
  );
  const shown = useMemo(
    () => ([['self', 'Self'], ['total', 'Total']] as const).map(([key, text]): Column<'self' | 'total'> => ({
      key, text, values: totals[key],
      format: (value) => formatValue(value, meta.unit),
      title: (label) => formatShare(totals[key][label]!, total),
    })),
    [totals, meta.unit, total],
  );
  return <FlameTable rows={rows} names={names} columns={shown} truncated={meta.truncated} sort={sort} desc={desc} {...rest} />;
}

interface ToolbarProps extends Props {
  search: Search | null;
  /** The share of matching frames, as text. */
  matched: string;
  copied: string;
  children: ReactNode;
}

export function FlameToolbar({ columns, state, set, search, matched, copied, children }: ToolbarProps) {
  const { meta } = columns;
  return (
    <div className="flame-toolbar">
      <SearchBox value={state.search} onChange={(search) => set({ search }, true)} />
      <output className="match" aria-live="polite">
        {search && (search.names === 0 ? 'No match' : `${matched} in ${search.names} function${search.names === 1 ? '' : 's'}`)}
        {search?.literal && ' (as plain text)'}
      </output>
      <span className="grow" />
      {copied !== '' && <span className="copied" role="status">Copied</span>}
      {meta.partial && <span className="badge warn" title="A part of the stored data could not be read; the numbers are too small.">partial</span>}
      {meta.truncated && (
        <button type="button" className="badge" title="Small frames are folded into “other”. Show more of them."
          onClick={() => set({ nodes: Math.min(1_048_576, state.nodes * 4) })}>
          {columns.label.length.toLocaleString('en-US')} largest frames · more
        </button>
      )}
      {children}
    </div>
  );
}

export function PaneChoices({ state, set }: Pick<Props, 'state' | 'set'>) {
  return (
    <>
      <Choices label="Panes" value={state.split} onChange={(split) => set({ split }, true)}
        choices={[
          { value: 'table', text: 'Table only', icon: 'table' },
          { value: 'both', text: 'Table and flame graph', icon: 'both' },
          { value: 'flame', text: 'Flame graph only', icon: 'flame' },
        ]}
      />
      <Choices label="Text of cut names" value={state.align} onChange={(align) => set({ align }, true)}
        choices={[
          { value: 'left', text: 'Show the beginning of names', icon: 'alignLeft' },
          { value: 'right', text: 'Show the end of names', icon: 'alignRight' },
        ]}
      />
    </>
  );
}
