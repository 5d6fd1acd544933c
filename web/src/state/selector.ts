// Label selectors such as {namespace="shop", pod=~"web-.*"}: text to matchers and back.

export type Operator = '=' | '!=' | '=~' | '!~';
export interface Matcher {
  name: string;
  op: Operator;
  value: string;
}

export const operators: readonly Operator[] = ['=', '!=', '=~', '!~'];

/** The matchers of a selector, or null where it is not well-formed; braces may be left out. */
export function parseSelector(text: string): Matcher[] | null {
  let rest = text.trim();
  if (rest.startsWith('{')) {
    if (!rest.endsWith('}')) return null;
    rest = rest.slice(1, -1);
  }
  const matchers: Matcher[] = [];
  const one = /^\s*(?:([a-zA-Z_][\w.]*)|"((?:[^"\\]|\\.)+)")\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"\s*(,|$)/;
  while (rest.trim() !== '') {
    const found = one.exec(rest);
    if (!found) return null;
    matchers.push({ name: found[1] ?? unescape(found[2]!), op: found[3] as Operator, value: unescape(found[4]!) });
    rest = rest.slice(found[0].length);
  }
  return matchers;
}

const unescape = (text: string) =>
  text.replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c === 't' ? '\t' : c));
const quote = (text: string) =>
  `"${text.replace(/[\\"]/g, '\\$&').replace(/\n/g, '\\n').replace(/\t/g, '\\t')}"`;

/** Names such as "service.name" are quoted. */
const writeName = (name: string) => (/^[a-zA-Z_]\w*$/.test(name) ? name : quote(name));
const write = (matchers: Matcher[]) => matchers.map(({ name, op, value }) => `${writeName(name)}${op}${quote(value)}`).join(', ');

export const formatSelector = (matchers: Matcher[]) => (matchers.length === 0 ? '' : `{${write(matchers)}}`);

/** What is sent: the service's matcher and the rest; text that does not parse goes as it is, so that the server can say why. */
export function fullSelector(service: string, text: string): string {
  const own = service === '' ? [] : [{ name: 'service_name', op: '=' as const, value: service }];
  const matchers = parseSelector(text);
  if (matchers) return `{${write([...own, ...matchers])}}`;
  const inner = text.trim().replace(/^\{/, '').replace(/\}$/, '');
  return `{${[...(own.length ? [write(own)] : []), inner].join(', ')}}`;
}
