// Numbers as people read them, by the unit of the profile.

const scaled = (value: number, steps: readonly (readonly [number, string])[]): string => {
  const size = Math.abs(value);
  const [factor, suffix] = steps.find(([limit]) => size >= limit) ?? steps.at(-1)!;
  const number = value / factor;
  const digits = Math.abs(number) >= 100 || Number.isInteger(number) ? 0 : Math.abs(number) >= 10 ? 1 : 2;
  return `${number.toFixed(digits)}${suffix}`;
};

const nanoseconds = [
  [86_400e9, ' d'], [3_600e9, ' h'], [60e9, ' min'], [1e9, ' s'], [1e6, ' ms'], [1e3, ' µs'], [1, ' ns'],
] as const;
const bytes = [
  [2 ** 50, ' PiB'], [2 ** 40, ' TiB'], [2 ** 30, ' GiB'], [2 ** 20, ' MiB'], [2 ** 10, ' KiB'], [1, ' B'],
] as const;
const counts = [[1e12, ' T'], [1e9, ' G'], [1e6, ' M'], [1e3, ' k'], [1, '']] as const;

export function formatValue(value: number, unit: string): string {
  if (value === 0) return unit === 'nanoseconds' ? '0 s' : unit === 'bytes' ? '0 B' : '0';
  switch (unit) {
    case 'nanoseconds': return scaled(value, nanoseconds);
    case 'microseconds': return scaled(value * 1e3, nanoseconds);
    case 'milliseconds': return scaled(value * 1e6, nanoseconds);
    case 'seconds': return scaled(value * 1e9, nanoseconds);
    case 'bytes': return scaled(value, bytes);
    default: return scaled(value, counts);
  }
}

/** With all its digits, for tooltips. */
export const formatExact = (value: number, unit: string) =>
  `${value.toLocaleString('en-US', { maximumFractionDigits: 3 })} ${unit}`;

export function formatShare(part: number, whole: number): string {
  if (!(whole > 0)) return '0 %';
  const share = (100 * part) / whole;
  if (share === 0) return '0 %';
  if (share < 0.01) return '< 0.01 %';
  return `${share >= 99.95 ? '100' : share.toFixed(share >= 10 ? 1 : 2)} %`;
}

const signed = (number: number, text: string) => `${number > 0 ? '+' : '−'}${text}`;

/** A difference of two shares (0 to 1) in percentage points. */
export function formatPoints(difference: number): string {
  const points = Math.abs(100 * difference);
  if (points < 1e-9) return '0 pp';
  return signed(difference, `${points.toFixed(points >= 9.995 ? 1 : 2)} pp`);
}

/** How a value grew or shrank, relative to what it was; it may be new or gone. */
export function formatChange(before: number, after: number): string {
  if (before === after) return '0 %';
  if (!(before > 0)) return 'new';
  if (!(after > 0)) return 'gone';
  const percent = 100 * (after / before - 1);
  if (percent >= 1000) return `×${(after / before).toFixed(0)}`;
  return Math.abs(percent) < 0.05 ? '0 %' : signed(percent, `${Math.abs(percent).toFixed(Math.abs(percent) >= 10 ? 0 : 1)} %`);
}

interface ProfileType {
  id: string;
  /** The family, such as process_cpu or memory. */
  family: string;
  sample: string;
  unit: string;
}

export function parseProfileType(id: string): ProfileType {
  const [family = '', sample = '', unit = ''] = id.split(':');
  return { id, family, sample, unit };
}

const typeNames: Record<string, string> = {
  'process_cpu:cpu': 'CPU time', 'process_cpu:samples': 'CPU samples',
  'memory:alloc_space': 'Memory allocated', 'memory:alloc_objects': 'Objects allocated',
  'memory:inuse_space': 'Memory in use', 'memory:inuse_objects': 'Objects in use',
  'goroutines:goroutine': 'Goroutines', 'goroutine:goroutine': 'Goroutines',
  'mutex:contentions': 'Mutex contentions', 'mutex:delay': 'Mutex delay',
  'block:contentions': 'Block contentions', 'block:delay': 'Block delay',
  'wall:wall': 'Wall time', 'off_cpu:offcpu': 'Off-CPU time', 'off_cpu:off_cpu': 'Off-CPU time',
};

export function profileTypeName(id: string): string {
  const { family, sample } = parseProfileType(id);
  return typeNames[`${family}:${sample}`] ?? (sample && sample !== family ? `${family} · ${sample}` : family || id);
}

/** Values of these are states at a moment, not sums over time: buckets average them. */
export const isGauge = (id: string) => /^(inuse_|goroutine)/.test(parseProfileType(id).sample);

/** The value of one bucket of a timeline as a rate (CPU: cores in use), or as it is for gauges. */
export function timelineScale(id: string, stepSeconds: number): { factor: number; unit: string; label: string } {
  const { unit, family, sample } = parseProfileType(id);
  if (isGauge(id)) return { factor: 1, unit, label: profileTypeName(id) };
  if (unit === 'nanoseconds') {
    const cores = family === 'process_cpu' || sample === 'cpu';
    return { factor: 1 / (stepSeconds * 1e9), unit: cores ? 'cores' : 'ratio', label: cores ? 'CPU cores' : `${profileTypeName(id)} per second` };
  }
  return { factor: 1 / stepSeconds, unit, label: `${profileTypeName(id)} per second` };
}

export function formatRate(value: number, unit: string): string {
  if (unit === 'cores' || unit === 'ratio') {
    const text = value === 0 ? '0' : Math.abs(value) < 0.01 ? value.toPrecision(1) : value.toFixed(value < 10 ? 2 : 1);
    return unit === 'cores' ? `${text} cores` : `${text} s/s`;
  }
  return formatValue(value, unit);
}
