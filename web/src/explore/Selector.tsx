// Labels to filter by: one chip per matcher with completion from the server, or free text.
import { useQuery } from '@tanstack/react-query';
import { useEffect, useId, useState } from 'react';
import { getLabelNames, getLabelValues } from '../api/client';
import { formatSelector, fullSelector, type Matcher, type Operator, operators, parseSelector } from '../state/selector';
import type { Resolved } from '../state/time';
import { Combobox } from '../ui/combobox';
import { Icon } from '../ui/icons';

interface Props {
  tenant: string;
  service: string;
  labels: string;
  range: Resolved;
  error: string;
  onChange: (labels: string) => void;
}

export function Selector(props: Props) {
  const { labels, onChange, error } = props;
  const matchers = parseSelector(labels);
  const [adding, setAdding] = useState(false);
  const [asText, setAsText] = useState(false);
  const text = asText || matchers === null;
  const errorId = useId();
  return (
    <div className="field selector">
      <span className="field-label" id={`${errorId}-label`}>Labels</span>
      <div className="selector-row" role="group" aria-labelledby={`${errorId}-label`}>
        {text ? (
          <SelectorText labels={labels} error={error} errorId={errorId}
            onChange={(next) => {
              onChange(next);
              setAsText(false);
            }}
          />
        ) : (
          <>
            {matchers.map((matcher, i) => (
              <span className="chip" key={`${i}-${matcher.name}`}>
                <span title={`${matcher.name}${matcher.op}"${matcher.value}"`}><b>{matcher.name}</b>{matcher.op}<q>{matcher.value}</q></span>
                <button type="button" aria-label={`Remove ${matcher.name}${matcher.op}${matcher.value}`}
                  onClick={() => onChange(formatSelector(matchers.filter((_, k) => k !== i)))}>
                  <Icon name="close" />
                </button>
              </span>
            ))}
            {adding ? (
              <MatcherForm {...props} onCancel={() => setAdding(false)}
                onAdd={(matcher) => {
                  setAdding(false);
                  onChange(formatSelector([...matchers, matcher]));
                }}
              />
            ) : (
              <button type="button" className="add" onClick={() => setAdding(true)}><Icon name="plus" /> Add label</button>
            )}
            <button type="button" className="tool" title="Edit as text" aria-label="Edit the labels as text" onClick={() => setAsText(true)}>
              <Icon name="edit" />
            </button>
          </>
        )}
      </div>
      {error !== '' && <p className="field-error" id={errorId} role="alert">{error}</p>}
    </div>
  );
}

function SelectorText(props: { labels: string; error: string; errorId: string; onChange: (labels: string) => void }) {
  const [draft, setDraft] = useState(props.labels);
  useEffect(() => setDraft(props.labels), [props.labels]);
  const apply = () => {
    const matchers = parseSelector(draft);
    props.onChange(matchers ? formatSelector(matchers) : draft.trim());
  };
  return (
    <input className="selector-text" aria-label="Label selector" aria-invalid={props.error !== ''}
      aria-describedby={props.error === '' ? undefined : props.errorId} spellCheck={false}
      placeholder='{namespace="shop", pod=~"web-.*"}' value={draft}
      onChange={(event) => setDraft(event.target.value)}
      onKeyDown={(event) => event.key === 'Enter' && apply()} onBlur={apply}
    />
  );
}

function MatcherForm(props: Props & { onAdd: (matcher: Matcher) => void; onCancel: () => void }) {
  const { tenant, range } = props;
  const selector = fullSelector(props.service, props.labels);
  const [name, setName] = useState('');
  const [op, setOp] = useState<Operator>('=');
  const names = useQuery({
    queryKey: ['labelNames', tenant, selector, range.from, range.until],
    queryFn: ({ signal }) => getLabelNames(tenant, selector, range, signal),
  });
  const values = useQuery({
    queryKey: ['labelValues', tenant, selector, name, range.from, range.until],
    queryFn: ({ signal }) => getLabelValues(tenant, name, selector, range, signal),
    enabled: name !== '',
  });
  const options = (list: string[] | undefined) => (list ?? []).map((value) => ({ value, text: value }));
  return (
    <span className="matcher-form" onKeyDown={(event) => event.key === 'Escape' && props.onCancel()}>
      <Combobox label="Label name" quiet autoFocus value={name} options={options(names.data)} busy={names.isPending} free
        placeholder="label" onChange={setName} />
      <select aria-label="Operator" value={op} onChange={(event) => setOp(event.target.value as Operator)}>
        {operators.map((one) => <option key={one}>{one}</option>)}
      </select>
      <Combobox key={name} label="Label value" quiet value="" options={options(values.data)} busy={values.isPending} free autoFocus={name !== ''}
        placeholder={name === '' ? 'choose a label first' : 'value'} onChange={(value) => name !== '' && props.onAdd({ name, op, value })} />
      <button type="button" className="tool" aria-label="Cancel" onClick={props.onCancel}><Icon name="close" /></button>
    </span>
  );
}
