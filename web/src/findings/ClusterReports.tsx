// When each cluster was last reported: an analyzer that is silent must not look like a healthy cluster.
import type { Cluster } from '../api/findings';
import { formatTime } from '../state/time';
import { age } from './filter';

const SILENT_MS = 3600e3;

export function ClusterReports({ clusters, several, now }: { clusters: Cluster[]; several: boolean; now: number }) {
  return (
    <ul className="cluster-reports" aria-label="Last reports">
      {clusters.map(({ tenant, cluster, received, unverified, open }) => {
        const silent = now - Date.parse(received) > SILENT_MS;
        return (
          <li key={`${tenant} ${cluster}`} className={silent ? 'silent' : ''} title={`Last report: ${formatTime(Date.parse(received))}`}>
            <b>{cluster || 'Cluster without a name'}{several && ` · ${tenant}`}</b> {open} open, {silent ? 'no report for' : 'reported'} {age(received, now)}{!silent && ' ago'}
            {unverified > 0 && `, ${unverified} ${unverified === 1 ? 'thing' : 'things'} not seen`}
          </li>
        );
      })}
    </ul>
  );
}
