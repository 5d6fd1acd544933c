// The functions of a profile with self and total: sorted, and only the rows in sight are elements.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { formatShare, formatValue } from '../state/format';
import { Icon } from '../ui/icons';
import { type SortKey, sortedRows, type Totals } from './table';

const ROW = 25;
const EXTRA = 8;

interface Props {
  totals: Totals;
  names: string[];
  root: number;
  matches: Uint8Array | null;
  unit: string;
  total: number;
  /** The server folded small frames into “other”. */
  truncated: boolean;
  sort: SortKey;
  desc: boolean;
  /** Name of the zoomed frame, or -1. */
  selected: number;
  onSort: (sort: SortKey, desc: boolean) => void;
  onFocus: (label: number) => void;
  onSearch: (name: string) => void;
  onSandwich: (name: string) => void;
}

const largestOf = (values: Float64Array, rows: Uint32Array) => rows.reduce((most, row) => Math.max(most, values[row]!), Number.MIN_VALUE);

const headings: readonly [SortKey, string][] = [['name', 'Function'], ['self', 'Self'], ['total', 'Total']];

export function FlameTable(props: Props) {
  const { totals, names, unit, total, sort, desc } = props;
  const rows = useMemo(
    () => sortedRows(totals, names, props.root, sort, desc, props.matches),
    [totals, names, props.root, sort, desc, props.matches],
  );
  const body = useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = useState(0);
  const [height, setHeight] = useState(600);
  useLayoutEffect(() => {
    const box = body.current!;
    const observer = new ResizeObserver(() => setHeight(box.clientHeight));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    body.current!.scrollTop = 0;
  }, [sort, desc, props.matches]);

  const first = Math.max(0, Math.floor(scroll / ROW) - EXTRA);
  const last = Math.min(rows.length, Math.ceil((scroll + height) / ROW) + EXTRA);
  const largest = useMemo(() => ({ self: largestOf(totals.self, rows), total: largestOf(totals.total, rows) }), [totals, rows]);
  return (
    <div className="table" role="table" aria-label="Functions" aria-rowcount={rows.length + 1}>
      <div role="rowgroup" className="table-head">
        <div role="row" aria-rowindex={1} className="table-row">
          {headings.map(([key, text]) => (
            <div key={key} role="columnheader" aria-sort={sort !== key ? 'none' : desc ? 'descending' : 'ascending'} className={`cell-${key}`}>
              <button type="button" onClick={() => props.onSort(key, sort === key ? !desc : key !== 'name')}>
                {text}
                <span aria-hidden="true">{sort === key ? (desc ? ' ▾' : ' ▴') : ''}</span>
              </button>
            </div>
          ))}
        </div>
      </div>
      <div role="rowgroup" className="table-body" ref={body} tabIndex={0} aria-label="Rows" onScroll={(event) => setScroll(event.currentTarget.scrollTop)}>
        <div style={{ height: rows.length * ROW }} role="presentation" className="table-space">
          {Array.from(rows.subarray(first, last), (label, i) => (
            <div key={label} role="row" aria-rowindex={first + i + 2} className={`table-row${label === props.selected ? ' selected' : ''}`}
              style={{ transform: `translateY(${(first + i) * ROW}px)` }}>
              <div role="cell" className="cell-name">
                <button type="button" className={props.truncated && names[label] === 'other' ? 'name folded' : 'name'}
                  title={props.truncated && names[label] === 'other' ? 'Frames too small to be sent one by one. “more” above the graph fetches them.' : names[label]}
                  onClick={() => props.onFocus(label)}>{names[label]}</button>
                <span className="row-actions">
                  <button type="button" title="Search for it" aria-label={`Search for ${names[label]}`} onClick={() => props.onSearch(names[label]!)}>
                    <Icon name="search" />
                  </button>
                  <button type="button" title="Sandwich: callers and callees" aria-label={`Sandwich of ${names[label]}`} onClick={() => props.onSandwich(names[label]!)}>
                    <Icon name="sandwich" />
                  </button>
                </span>
              </div>
              {(['self', 'total'] as const).map((key) => (
                <div key={key} role="cell" className={`cell-${key}`} title={formatShare(totals[key][label]!, total)}>
                  <span className="bar" style={{ width: `${(100 * totals[key][label]!) / largest[key]}%` }} />
                  <span className="number">{formatValue(totals[key][label]!, unit)}</span>
                </div>
              ))}
            </div>
          ))}
        </div>
        {rows.length === 0 && <p className="none">No function matches the search.</p>}
      </div>
    </div>
  );
}
