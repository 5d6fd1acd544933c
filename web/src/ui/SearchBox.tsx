// A field that narrows what is shown.
import { useEffect, useRef, useState } from 'react';
import { Icon } from './icons';
import { useDebounced } from './parts';

interface Props {
  id: string;
  /** Read, and shown where the view does so. */
  label: string;
  placeholder: string;
  value: string;
  onChange: (text: string) => void;
}

/** Keeps what is typed; the address follows once typing pauses. */
export function SearchBox({ id, label, placeholder, value, onChange }: Props) {
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
      <input id={id} type="search" aria-label={label} placeholder={placeholder} value={draft} autoComplete="off" spellCheck={false}
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
