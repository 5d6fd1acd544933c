// Compares two values of one label. Services are picked on the sides themselves.
import { useQuery } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { getLabelNames, getLabelValues } from '../api/client';
import type { Resolved } from '../state/time';
import { Combobox } from '../ui/combobox';

interface Props {
  tenant: string;
  selector: string;
  range: Resolved;
  onSplit: (name: string, left: string, right: string) => void;
}

const options = (list: string[] | undefined) => (list ?? []).map((value) => ({ value, text: value }));

export function SplitForm({ tenant, selector, range, onSplit }: Props) {
  const [name, setName] = useState('');
  const [left, setLeft] = useState('');
  const [right, setRight] = useState('');
  const names = useQuery({
    queryKey: ['labelNames', tenant, selector, range.from, range.until],
    queryFn: ({ signal }) => getLabelNames(tenant, selector, range, signal),
  });
  const values = useQuery({
    queryKey: ['labelValues', tenant, selector, name, range.from, range.until],
    queryFn: ({ signal }) => getLabelValues(tenant, name, selector, range, signal),
    enabled: name !== '',
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSplit(name, left, right);
  };
  return (
    <form className="split-form" aria-label="Two values of a label" onSubmit={submit}>
      <Combobox label="Label" autoFocus value={name} options={options(names.data?.filter((one) => one !== 'service_name'))} busy={names.isPending} free
        onChange={(value) => {
          setName(value);
          setLeft('');
          setRight('');
        }} />
      <Combobox label="Value of the baseline" value={left} options={options(values.data)} busy={values.isFetching} free onChange={setLeft} />
      <Combobox label="Value of the comparison" value={right} options={options(values.data)} busy={values.isFetching} free onChange={setRight} />
      <button type="submit" className="primary" disabled={name === '' || left === '' || right === ''}>Compare</button>
    </form>
  );
}
