// The flame graph with its table, search, sandwich and menu. The state lives in the address.
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { formatExact, formatShare, formatValue } from '../state/format';
import type { ExploreState } from '../state/url';
import { copyText } from '../ui/clipboard';
import { Icon } from '../ui/icons';
import { Menu } from '../ui/menu';
import { Choices, useDebounced } from '../ui/parts';
import { useTheme } from '../ui/theme';
import type { Columns, Tree } from './columns';
import { useSandwich, useTotals } from './compute';
import { downloadFolded } from './folded';
import { FlameCanvas } from './FlameCanvas';
import { FlameTable } from './FlameTable';
import { findFocus, focusKey, widestOf } from './focus';
import { type Layout, layOut, pathTo } from './layout';
import { colourNames } from './palette';
import { escapeRegExp, matchedValue, searchNames } from './search';
import { FlameTooltip, type Tooltip } from './Tooltip';

interface Props {
  columns: Columns;
  state: ExploreState;
  set: (patch: Partial<ExploreState>, replace?: boolean) => void;
}

interface OpenMenu {
  label: number;
  x: number;
  y: number;
  focus: () => void;
}

export function FlamePanel({ columns, state, set }: Props) {
  const theme = useTheme();
  const { names } = columns;
  const unit = columns.meta.unit;
  const layout = useMemo(() => layOut(columns), [columns]);
  const colour = useMemo(() => colourNames(names), [names]);
  const total = columns.value[0] ?? 0;
  const focus = useMemo(
    () => (state.focus === '' ? 0 : Math.max(0, findFocus(layout, names, state.focus))),
    [layout, names, state.focus],
  );
  const search = useMemo(() => searchNames(names, state.search), [names, state.search]);
  const totals = useTotals(columns);
  const sandwichLabel = useMemo(() => (state.sandwich === '' ? -1 : names.indexOf(state.sandwich)), [names, state.sandwich]);
  const tooltip = useRef<Tooltip>(null);
  const [menu, setMenu] = useState<OpenMenu | null>(null);
  const [copied, setCopied] = useState('');

  const focusNode = useCallback(
    (id: number) => set({ focus: id <= 0 ? '' : focusKey(layout, names, id) }),
    [set, layout, names],
  );
  const searchFor = useCallback((name: string) => set({ search: `^${escapeRegExp(name)}$` }), [set]);
  const openSandwich = useCallback((name: string) => set({ sandwich: name, focus: '' }), [set]);
  const copy = useCallback((text: string) => {
    void copyText(text).then((done) => setCopied(done ? text : ''));
  }, []);
  useEffect(() => {
    if (copied === '') return undefined;
    const timer = setTimeout(() => setCopied(''), 2000);
    return () => clearTimeout(timer);
  }, [copied]);
  const closeMenu = useCallback(() => setMenu(null), []);

  const shared = {
    names, colour, matches: search?.matches ?? null, unit, total, theme, tooltip,
    alignRight: state.align === 'right',
  };
  const selected = focus > 0 ? columns.label[focus]! : sandwichLabel;
  return (
    <section className="flame-panel" aria-label="Flame graph">
      <FlameToolbar {...{ state, set, search, columns, layout, focus, total, copied }} />
      <Breadcrumbs layout={layout} names={names} focus={focus} onFocus={focusNode} total={total} unit={unit} />
      <div className={`flame-body split-${state.split}`}>
        {state.split !== 'flame' && (
          <div className="table-pane">
            {totals ? (
              <FlameTable
                totals={totals} names={names} root={columns.label[0] ?? 0} matches={shared.matches} unit={unit} total={total} truncated={columns.meta.truncated}
                sort={state.sort} desc={state.desc} selected={selected}
                onSort={(sort, desc) => set({ sort, desc }, true)}
                onFocus={(label) => {
                  if (state.sandwich !== '') openSandwich(names[label]!);
                  else focusNode(widestOf(layout, label));
                }}
                onSearch={searchFor} onSandwich={openSandwich}
              />
            ) : <p className="none" role="status">Adding up…</p>}
          </div>
        )}
        {state.split !== 'table' && (
          <div className="graph-pane">
            {state.sandwich === '' ? (
              <FlameCanvas
                {...shared} id="flame" layout={layout} self={columns.self} focus={focus}
                label={`Flame graph of ${names.length - 1} functions, ${formatValue(total, unit)} in all`}
                onFocus={focusNode} onEscape={() => undefined}
                onMenu={(id, x, y) => setMenu({ label: columns.label[id]!, x, y, focus: () => focusNode(id) })}
              />
            ) : (
              <SandwichView
                {...shared} columns={columns} label={sandwichLabel} name={state.sandwich}
                onClose={() => set({ sandwich: '' })}
                onMenu={(label, x, y, zoom) => setMenu({ label, x, y, focus: zoom })}
              />
            )}
          </div>
        )}
      </div>
      <FlameTooltip ref={tooltip} />
      {menu && (
        <Menu title={names[menu.label]!} x={menu.x} y={menu.y} onClose={closeMenu}
          items={[
            { text: 'Focus this frame', icon: 'target', run: menu.focus },
            { text: 'Sandwich: callers and callees', icon: 'sandwich', run: () => openSandwich(names[menu.label]!) },
            { text: 'Search for this function', icon: 'search', run: () => searchFor(names[menu.label]!) },
            { text: 'Copy the function’s name', icon: 'copy', run: () => copy(names[menu.label]!) },
          ]}
        />
      )}
    </section>
  );
}

interface ToolbarProps extends Props {
  search: ReturnType<typeof searchNames>;
  layout: Layout;
  focus: number;
  total: number;
  copied: string;
}

function FlameToolbar({ columns, state, set, search, layout, focus, total, copied }: ToolbarProps) {
  const { meta } = columns;
  const within = columns.value[focus] ?? 0;
  const matched = useMemo(
    () => (search ? matchedValue(columns, layout.end, search.matches, Math.max(1, focus), layout.end[focus] ?? 0) : 0),
    [columns, layout, search, focus],
  );
  return (
    <div className="flame-toolbar">
      <SearchBox value={state.search} onChange={(search) => set({ search }, true)} />
      <output className="match" aria-live="polite">
        {search && (search.names === 0 ? 'No match' : `${formatShare(matched, within)} in ${search.names} function${search.names === 1 ? '' : 's'}`)}
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
      <span className="total" title={formatExact(total, meta.unit)}>Total {formatValue(total, meta.unit)}</span>
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
      <button type="button" className="tool" title="Download as folded stacks" aria-label="Download as folded stacks" onClick={() => downloadFolded(columns, layout)}>
        <Icon name="download" />
      </button>
    </div>
  );
}

/** Keeps what is typed; the address follows once typing pauses. */
function SearchBox({ value, onChange }: { value: string; onChange: (text: string) => void }) {
  const [draft, setDraft] = useState(value);
  const settled = useDebounced(draft, 120);
  const sent = useRef(value);
  useEffect(() => {
    if (settled !== draft || settled === sent.current) return;
    sent.current = settled;
    onChange(settled);
  }, [draft, settled, onChange]);
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value;
    setDraft(value);
  }, [value]);
  return (
    <div className="search-box">
      <Icon name="search" />
      <input id="search" type="search" aria-label="Search functions" placeholder="Search functions (regular expression)" value={draft} spellCheck={false}
        onChange={(event) => setDraft(event.target.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Escape') return;
          event.preventDefault();
          if (draft !== '') setDraft('');
          else event.currentTarget.blur();
        }}
      />
    </div>
  );
}

function Breadcrumbs(props: { layout: Layout; names: string[]; focus: number; total: number; unit: string; onFocus: (id: number) => void }) {
  const { layout, names, focus, total, unit, onFocus } = props;
  const whole = <span className="crumb-share">{formatValue(layout.width[focus] ?? 0, unit)} · {formatShare(layout.width[focus] ?? 0, total)}</span>;
  // The bar stays when nothing is zoomed, so that frames do not jump away below the mouse.
  if (focus <= 0) return <nav className="breadcrumbs idle" aria-label="Zoomed frame"><span>Whole profile</span>{whole}</nav>;
  const path = pathTo(layout, focus);
  const tail = path.length > 6 ? path.slice(-4) : path.slice(1);
  return (
    <nav className="breadcrumbs" aria-label="Zoomed frame">
      <button type="button" className="reset" onClick={() => onFocus(0)}><Icon name="reset" /> Reset zoom</button>
      <ol>
        <li><button type="button" onClick={() => onFocus(0)}>total</button></li>
        {path.length > 6 && <li><span title={`${path.length - 5} frames between`}>…</span></li>}
        {tail.map((id) => (
          <li key={id}>
            {id === focus ? <span aria-current="true">{names[layout.label[id]!]}</span> : (
              <button type="button" title={names[layout.label[id]!]} onClick={() => onFocus(id)}>{names[layout.label[id]!]}</button>
            )}
          </li>
        ))}
      </ol>
      {whole}
    </nav>
  );
}

interface SandwichProps {
  columns: Columns;
  label: number;
  name: string;
  names: string[];
  colour: Uint8Array;
  matches: Uint8Array | null;
  unit: string;
  total: number;
  theme: ReturnType<typeof useTheme>;
  tooltip: React.RefObject<Tooltip | null>;
  alignRight: boolean;
  onClose: () => void;
  onMenu: (label: number, x: number, y: number, zoom: () => void) => void;
}

function SandwichView({ columns, label, name, onClose, onMenu, ...shared }: SandwichProps) {
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

function SandwichHalf({ tree, half, name, onClose, onMenu, ...shared }: HalfProps) {
  const layout = useMemo(() => layOut(tree), [tree]);
  const [zoom, setZoom] = useState({ layout, focus: 0 });
  const focus = zoom.layout === layout ? zoom.focus : 0;
  const onFocus = (id: number) => setZoom({ layout, focus: Math.max(0, id) });
  return (
    <div className={`sandwich-half ${half}`} style={{ flexGrow: layout.depth }}>
      <span className="half-name" aria-hidden="true">{half === 'callers' ? 'Callers' : 'Callees'}</span>
      <FlameCanvas
        {...shared} id={half} layout={layout} self={tree.self} focus={focus} inverted={half === 'callers'}
        label={half === 'callers' ? `Callers of ${name}` : `Functions called by ${name}`}
        onFocus={onFocus} onEscape={onClose}
        onMenu={(id, x, y) => onMenu(tree.label[id]!, x, y, () => onFocus(id))}
      />
    </div>
  );
}
