// A field that completes: type to narrow, arrows to move, Enter to take.
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from 'react';
import { Icon } from './icons';

export interface Option {
  value: string;
  text: string;
  hint?: string;
}

interface Props {
  label: string;
  /** The label is read but not shown. */
  quiet?: boolean;
  value: string;
  options: Option[];
  onChange: (value: string) => void;
  placeholder?: string;
  /** Text that is no option may be taken as it stands. */
  free?: boolean;
  busy?: boolean;
  empty?: string;
  className?: string;
  autoFocus?: boolean;
}

const SHOWN = 200;

export function Combobox(props: Props) {
  const { label, value, options, onChange, free = false } = props;
  const id = useId();
  const [text, setText] = useState<string | null>(null); // what is being typed; null: closed
  const [active, setActive] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const current = options.find((option) => option.value === value)?.text ?? value;

  const shown = useMemo(() => {
    const words = (text ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    const found = options.filter((option) => {
      const all = `${option.text} ${option.value}`.toLowerCase();
      return words.every((word) => all.includes(word));
    });
    const typed = (text ?? '').trim();
    if (free && typed !== '' && !options.some((option) => option.value === typed))
      found.unshift({ value: typed, text: typed, hint: 'as typed' });
    return found;
  }, [options, text, free]);

  const open = text !== null;
  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [active, open]);

  const begin = () => {
    if (open) return;
    setText('');
    setActive(Math.max(0, options.findIndex((option) => option.value === value)));
  };
  const close = () => setText(null);
  const take = (option: Option | undefined) => {
    close();
    if (option && option.value !== value) onChange(option.value);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!open) begin();
      else setActive((at) => Math.min(Math.max(0, at + (event.key === 'ArrowDown' ? 1 : -1)), Math.min(shown.length, SHOWN) - 1));
    } else if (event.key === 'Enter' && open) {
      event.preventDefault();
      take(shown[active]);
    } else if (event.key === 'Escape' && open) {
      event.stopPropagation();
      close();
    }
  };

  return (
    <div className={`field combobox ${props.className ?? ''}`}>
      <label htmlFor={id} className={props.quiet ? 'sr-only' : 'field-label'}>{label}</label>
      <div className="combobox-box">
        <input
          id={id}
          role="combobox"
          autoComplete="off"
          spellCheck={false}
          autoFocus={props.autoFocus}
          aria-expanded={open}
          aria-controls={`${id}-list`}
          aria-activedescendant={open && shown[active] ? `${id}-${active}` : undefined}
          aria-autocomplete="list"
          value={text === null ? current : text}
          placeholder={open ? current || props.placeholder : props.placeholder}
          title={open ? undefined : current}
          onChange={(event) => {
            setText(event.target.value);
            setActive(0);
          }}
          onMouseDown={begin}
          onFocus={() => props.autoFocus && begin()}
          onBlur={close}
          onKeyDown={onKeyDown}
        />
        <Icon name="down" />
      </div>
      <ul id={`${id}-list`} ref={list} role="listbox" aria-label={label} className="listbox" hidden={!open}>
        {open && shown.slice(0, SHOWN).map((option, i) => (
          <li
            key={option.value}
            id={`${id}-${i}`}
            role="option"
            aria-selected={i === active}
            className={option.value === value ? 'current' : undefined}
            onMouseDown={(event) => {
              event.preventDefault();
              take(option);
            }}
            onMouseMove={() => i !== active && setActive(i)}
          >
            <span>{option.text}</span>
            {option.hint && <small>{option.hint}</small>}
          </li>
        ))}
        {open && shown.length === 0 && (
          <li role="option" aria-selected="false" aria-disabled="true" className="none">
            {props.busy ? 'Loading…' : (props.empty ?? 'Nothing matches')}
          </li>
        )}
        {open && shown.length > SHOWN && (
          <li role="option" aria-selected="false" aria-disabled="true" className="none">
            {shown.length - SHOWN} more: type to narrow
          </li>
        )}
      </ul>
    </div>
  );
}
