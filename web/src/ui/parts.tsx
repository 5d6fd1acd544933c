// Small shared parts: states of a view, groups of buttons, debouncing.
import { type ReactNode, useEffect, useState } from 'react';
import { Icon, type IconName } from './icons';

export function Notice({ title, kind, children }: { title: string; kind?: 'error' | 'busy'; children?: ReactNode }) {
  return (
    <div className={`notice ${kind ?? ''}`} role={kind === 'error' ? 'alert' : 'status'}>
      {kind === 'busy' && <span className="spinner" aria-hidden="true" />}
      <h2>{title}</h2>
      {children}
    </div>
  );
}

interface Choice<T extends string> {
  value: T;
  text: string;
  /** Without one the text is shown. */
  icon?: IconName;
}

export function Choices<T extends string>(props: { label: string; value: T; choices: readonly Choice<T>[]; onChange: (value: T) => void }) {
  return (
    <div className="choices" role="group" aria-label={props.label}>
      {props.choices.map(({ value, text, icon }) => (
        <button key={value} type="button" title={icon && text} aria-label={text} aria-pressed={value === props.value} onClick={() => props.onChange(value)}>
          {icon ? <Icon name={icon} /> : text}
        </button>
      ))}
    </div>
  );
}

export function useDebounced<T>(value: T, ms: number): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
