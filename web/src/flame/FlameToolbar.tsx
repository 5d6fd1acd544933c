// The row above a flame graph: search, what it matched, and notes on the data.
import type { ReactNode } from 'react';
import type { ExploreState } from '../state/url';
import { Choices } from '../ui/parts';
import { SearchBox } from '../ui/SearchBox';
import type { Columns } from './columns';
import type { Search } from './search';

interface Props {
  columns: Columns;
  state: ExploreState;
  set: (patch: Partial<ExploreState>, replace?: boolean) => void;
  search: Search | null;
  /** The share of matching frames, as text. */
  matched: string;
  copied: string;
  children: ReactNode;
}

export function FlameToolbar({ columns, state, set, search, matched, copied, children }: Props) {
  const { meta } = columns;
  return (
    <div className="flame-toolbar">
      <SearchBox id="search" label="Search functions" placeholder="Search functions (regular expression)" value={state.search} onChange={(search) => set({ search }, true)} />
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
