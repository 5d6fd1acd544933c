import type { Severity } from '../state/url';

export const SeverityMark = ({ severity }: { severity: Severity }) => <span className={`severity ${severity}`}>{severity}</span>;
