// The search over functions: a regular expression.
import { useEffect, useRef, useState } from 'react';
import { Icon } from '../ui/icons';
import { useDebounced } from '../ui/parts';

/** Keeps what is typed; the address follows once typing pauses. */
export function SearchBox({ value, onChange }: { value: string; onChange: (text: string) => void }) {
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
