// The functions of a profile with their numbers: sorted, and only the rows in sight are elements.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react';
import { Icon } from '../ui/icons';
import { FOLDED } from './focus';

const ROW = 25;
const EXTRA = 8;

export interface Column<K extends string> {
  key: K;
  text: string;
  /** Per name; negative ones have a bar of another colour. */
  values: Float64Array;
  format: (value: number) => string;
  title: (label: number) => string;
}

interface Props<K extends string> {
  /** Names by index, in the order of the rows. */
  rows: Uint32Array;
  names: string[];
  columns: readonly Column<K>[];
  /** The server folded small frames into “other”. */
  truncated: boolean;
  /** Why the numbers are not what they should be, and what is left out; '': nothing. */
  error?: string;
  note?: string;
  sort: K | 'name';
  desc: boolean;
  /** Name of the zoomed frame, or -1. */
  selected: number;
  onSort: (sort: K | 'name', desc: boolean) => void;
  onFocus: (name: string) => void;
  onSearch: (name: string) => void;
  onSandwich?: (name: string) => void;
}

const largestOf = (values: Float64Array, rows: Uint32Array) =>
  rows.reduce((most, row) => Math.max(most, Math.abs(values[row]!)), Number.MIN_VALUE);

export function FlameTable<K extends string>(props: Props<K>) {
  const { rows, names, columns, truncated, sort, desc } = props;
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
  }, [sort, desc, rows]);

  const first = Math.max(0, Math.floor(scroll / ROW) - EXTRA);
  const last = Math.min(rows.length, Math.ceil((scroll + height) / ROW) + EXTRA);
  const largest = useMemo(() => columns.map(({ values }) => largestOf(values, rows)), [columns, rows]);
  const headings: readonly { key: K | 'name'; text: string }[] = [{ key: 'name', text: 'Function' }, ...columns];
  const isFolded = (name: string) => truncated && name === FOLDED;
  return (
    <div className={`table columns-${columns.length}`} role="table" aria-label="Functions" aria-rowcount={rows.length + 1}>
      <div role="rowgroup" className="table-head">
        <div role="row" aria-rowindex={1} className="table-row">
          {headings.map(({ key, text }) => (
            <div key={key} role="columnheader" aria-sort={sort !== key ? 'none' : desc ? 'descending' : 'ascending'} className={key === 'name' ? 'cell-name' : 'cell-number'}>
              <button type="button" onClick={() => props.onSort(key, sort === key ? !desc : key !== 'name')}>
                {text}
                <span aria-hidden="true">{sort === key ? (desc ? ' ▾' : ' ▴') : ''}</span>
              </button>
            </div>
          ))}
        </div>
      </div>
      {props.error && <p className="field-error table-error" role="alert">{props.error}</p>}
      <div role="rowgroup" className="table-body" ref={body} tabIndex={0} aria-label="Rows" onScroll={(event) => setScroll(event.currentTarget.scrollTop)}>
        <div style={{ height: rows.length * ROW }} role="presentation" className="table-space">
          {Array.from(rows.subarray(first, last), (label, i) => {
            const name = names[label]!;
            return (
              <div key={label} role="row" aria-rowindex={first + i + 2} className={`table-row${label === props.selected ? ' selected' : ''}`}
                style={{ transform: `translateY(${(first + i) * ROW}px)` }}>
                <div role="cell" className="cell-name">
                  <button type="button" className={isFolded(name) ? 'name folded' : 'name'}
                    title={isFolded(name) ? 'Frames too small to be sent one by one. “more” above the graph fetches them.' : name}
                    onClick={() => props.onFocus(name)}>{name}</button>
                  <span className="row-actions">
                    <button type="button" title="Search for it" aria-label={`Search for ${name}`} onClick={() => props.onSearch(name)}>
                      <Icon name="search" />
                    </button>
                    {props.onSandwich && (
                      <button type="button" title="Sandwich: callers and callees" aria-label={`Sandwich of ${name}`} onClick={() => props.onSandwich!(name)}>
                        <Icon name="sandwich" />
                      </button>
                    )}
                  </span>
                </div>
                {columns.map(({ key, values, format, title }, c) => (
                  <div key={key} role="cell" className="cell-number" title={title(label)}>
                    <span className={values[label]! < 0 ? 'bar less' : `bar${key === 'change' ? ' more' : ''}`}
                      style={{ width: `${(100 * Math.abs(values[label]!)) / largest[c]!}%` }} />
                    <span className="number">{format(values[label]!)}</span>
                  </div>
                ))}
              </div>
            );
          })}
        </div>
        {props.note && <p className="none">{props.note}</p>}
        {rows.length === 0 && <p className="none">No function matches the search.</p>}
      </div>
    </div>
  );
}
