// The flame graph with its table, search, sandwich and menu. The state lives in the address.
import { useCallback, useMemo } from 'react';
import { type Around, type FlameRequest, getFlamegraph } from '../api/client';
import { formatExact, formatShare, formatValue } from '../state/format';
import type { ExploreState } from '../state/url';
import { Menu } from '../ui/menu';
import { useTheme } from '../ui/theme';
import { Breadcrumbs } from './Breadcrumbs';
import type { Columns } from './columns';
import { useTotals } from './compute';
import { Exports } from './Exports';
import { FlameCanvas } from './FlameCanvas';
import { type Column, FlameTable } from './FlameTable';
import { FlameToolbar, PaneChoices } from './FlameToolbar';
import { widestOf } from './focus';
import { numbersOf } from './numbers';
import { colourNames } from './palette';
import { SandwichView } from './SandwichView';
import { matchedValue, type Search, searchNames } from './search';
import { sortedRows } from './table';
import { FlameTooltip } from './Tooltip';
import { useExactTotals } from './useExactTotals';
import { useFrames } from './useFrames';
import type { FlameTree } from './useTree';

interface Props {
  tree: FlameTree;
  tenant: string;
  /** What is shown. */
  request: FlameRequest;
  state: ExploreState;
  set: (patch: Partial<ExploreState>, replace?: boolean) => void;
}

export function FlamePanel({ tree, tenant, request, state, set }: Props) {
  const theme = useTheme();
  const { columns, layout, focus, callSite } = tree;
  const { names } = columns;
  const unit = columns.meta.unit;
  const colour = useMemo(() => colourNames(names), [names]);
  const total = columns.value[0] ?? 0;
  const numbers = useMemo(() => numbersOf(layout, columns.self, unit, total), [layout, columns, unit, total]);
  const search = useMemo(() => searchNames(names, state.search), [names, state.search]);
  const { tooltip, menu, setMenu, closeMenu, copied, copy, focusNode, searchFor } = useFrames(tree, set);
  const source = useMemo(() => ({
    key: [tenant, request], fetch: (around: Around, signal: AbortSignal) => getFlamegraph(tenant, { ...request, around }, signal),
  }), [tenant, request]);
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
        <Exports tenant={tenant} request={{ ...request, callSite }} />
      </FlameToolbar>
      <Breadcrumbs layout={layout} names={names} focus={focus} onFocus={focusNode}
        share={`${formatValue(within, unit)} · ${formatShare(within, total)}`} />
      <div className={`flame-body split-${state.split}`}>
        {state.split !== 'flame' && (
          <div className="table-pane">
            <TotalsTable columns={columns} tenant={tenant} request={request} search={search} state={state}
              selected={focus > 0 ? names[columns.label[focus]!]! : state.sandwich}
              onSort={(sort, desc) => set({ sort, desc }, true)}
              onFocus={(name) => {
                const id = widestOf(layout, names.indexOf(name));
                if (state.sandwich !== '' || id < 0) openSandwich(name); // without a frame of its own: all of them are folded
                else focusNode(id);
              }}
              onSearch={searchFor} onSandwich={openSandwich} />
          </div>
        )}
        {state.split !== 'table' && (
          <div className="graph-pane">
            {state.sandwich === '' ? (
              <FlameCanvas
                {...shared} id="flame" layout={layout} numbers={numbers} focus={focus}
                label={`Flame graph of ${names.length - 1} functions, ${formatValue(total, unit)} in all`}
                onFocus={focusNode}
                onMenu={(id, x, y) => setMenu({ name: names[columns.label[id]!]!, x, y, focus: () => focusNode(id) })}
              />
            ) : (
              <SandwichView
                {...{ columns, source, theme, tooltip }} name={state.sandwich} search={state.search} alignRight={shared.alignRight}
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
  columns: Columns;
  tenant: string;
  request: FlameRequest;
  search: Search | null;
  state: ExploreState;
  /** Name of the zoomed frame, or ''. */
  selected: string;
  onSort: (sort: ExploreState['sort'], desc: boolean) => void;
  onFocus: (name: string) => void;
  onSearch: (name: string) => void;
  onSandwich: (name: string) => void;
}

/** Of a truncated profile the server adds up, which has every frame. */
function TotalsTable({ columns, tenant, request, search, state: { sort, desc, search: text }, selected, ...rest }: TotalsProps) {
  const { meta } = columns;
  const total = columns.value[0] ?? 0;
  const own = useTotals(columns);
  const exact = useExactTotals(tenant, request, { text, literal: search?.literal ?? false }, sort === 'total' ? 'total' : 'self', meta.truncated);
  const waiting = meta.truncated && !exact.totals && exact.error === '';
  const totals = exact.totals ?? (waiting ? null : own);
  const names = exact.totals?.names ?? columns.names;
  const root = exact.totals ? -1 : columns.label[0] ?? 0; // the server does not list it
  const matches = exact.totals ? null : search?.matches ?? null; // nor what does not match
  const rows = useMemo(
    () => (totals ? sortedRows(totals, names, root, sort, desc, matches) : new Uint32Array()),
    [totals, names, root, sort, desc, matches],
  );
  const shown = useMemo(
    () => ([['self', 'Self'], ['total', 'Total']] as const).map(([key, text]): Column<'self' | 'total'> => ({
      key, text, values: totals?.[key] ?? new Float64Array(),
      format: (value) => formatValue(value, meta.unit),
      title: (label) => formatShare(totals?.[key][label] ?? 0, total),
    })),
    [totals, meta.unit, total],
  );
  if (!totals) return <p className="none" role="status">Adding up…</p>;
  const note = exact.totals && exact.totals.matched > names.length ? `The largest ${names.length.toLocaleString('en-US')} of ${exact.totals.matched.toLocaleString('en-US')} functions` : '';
  return (
    <FlameTable {...{ rows, names, sort, desc, note }} error={exact.error} columns={shown} truncated={meta.truncated && !exact.totals}
      selected={selected === '' ? -1 : names.indexOf(selected)} {...rest} />
  );
}
