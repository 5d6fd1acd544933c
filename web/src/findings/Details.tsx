// One finding: why, by what it is told, what to do, how it went, and the profiles of its object.
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { type Finding, getTransitions, type Transition } from '../api/findings';
import type { SetState } from '../explore/useExplore';
import { formatTime } from '../state/time';
import type { ExploreState } from '../state/url';
import { copyText } from '../ui/clipboard';
import { Icon } from '../ui/icons';
import { age, incidentName, isCommand, objectName } from './filter';
import { ObjectProfiles } from './ObjectProfiles';
import { SeverityMark } from './SeverityMark';

const LINES = 10;

const time = (text: string) => formatTime(Date.parse(text));

export function Details({ finding, now, state, set }: { finding: Finding; now: number; state: ExploreState; set: SetState }) {
  const { object, cluster, check, since, opened, seen, resolved } = finding;
  const facts: [string, string][] = [
    ['Object', objectName(object)],
    ['Cluster', cluster || '(no name)'],
    ['Check', check],
    ['Incident', incidentName(finding)],
    ['Since', since ? `${time(since)}, ${age(since, now)} ago` : 'not known'],
    ['First reported', time(opened)],
    resolved ? ['Resolved', time(resolved)] : ['Last reported', time(seen)],
  ];
  return (
    <section className="finding-details" aria-label="Finding">
      <div className="finding-text">
        <h2><SeverityMark severity={finding.severity} /> {finding.title}</h2>
        {finding.cause !== '' && <p className="finding-cause">{finding.cause}</p>}
        {finding.note !== '' && <p className="finding-note"><strong>AI note, not verified:</strong> {finding.note}</p>}
        <dl className="facts">
          {facts.map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
        </dl>
        {finding.fix.length > 0 && (
          <div>
            <h3>What to do</h3>
            <ol className="steps">{finding.fix.map((step, i) => <Step key={i} text={step} />)}</ol>
          </div>
        )}
        <div className="finding-columns">
          <Lines title="Evidence" lines={finding.evidence} />
          <Lines title="Changed shortly before" lines={finding.changes} />
          <Lines title="Links" lines={finding.links.map(({ label, url }) => <a href={url} rel="noreferrer">{label}</a>)} />
          <Lines title="Also explains" lines={finding.explains.map((one) => <>{objectName(one.object)} <small>{one.check}</small></>)} />
          <History finding={finding} />
        </div>
      </div>
      <ObjectProfiles finding={finding} state={state} set={set} />
    </section>
  );
}

/** The first ones; hundreds on demand. */
function Lines({ title, lines }: { title: string; lines: ReactNode[] }) {
  const [all, setAll] = useState(false);
  if (lines.length === 0) return null;
  const shown = all || lines.length <= LINES + 1 ? lines : lines.slice(0, LINES);
  return (
    <div>
      <h3>{title}</h3>
      <ul className="bullets">{shown.map((line, i) => <li key={i}>{line}</li>)}</ul>
      {shown.length < lines.length && <button type="button" className="tool" onClick={() => setAll(true)}>All {lines.length}</button>}
    </div>
  );
}

/** One step; what is to be typed can be copied. */
function Step({ text }: { text: string }) {
  const [copied, setCopied] = useState(false);
  if (!isCommand(text)) return <li>{text}</li>;
  return (
    <li className="command">
      <code>{text}</code>
      <button type="button" className="tool" title="Copy" aria-label={`Copy: ${text}`} onClick={() => void copyText(text).then(setCopied)}><Icon name="copy" /></button>
      <span className="copied" role="status">{copied && 'Copied'}</span>
    </li>
  );
}

function words({ type, severity, former_severity: former }: Transition): string {
  if (type === 'changed') return former === severity ? 'changed its words' : `changed from ${former} to ${severity}`;
  return { opened: `opened as ${severity}`, reopened: `back as ${severity}`, resolved: 'resolved', folded: 'explained by another finding' }[type];
}

function History({ finding }: { finding: Finding }) {
  const { tenant, cluster, fingerprint, seen, state } = finding;
  const transitions = useQuery({
    queryKey: ['transitions', tenant, cluster, fingerprint, seen, state],
    queryFn: ({ signal }) => getTransitions(finding, signal),
  });
  return (
    <div>
      <h3>History</h3>
      {transitions.error && <p className="field-error">{transitions.error.message}</p>}
      <ol className="bullets history">
        {transitions.data?.map((one) => <li key={`${one.time} ${one.type}`}><time dateTime={one.time}>{time(one.time)}</time> {words(one)}</li>)}
      </ol>
    </div>
  );
}
