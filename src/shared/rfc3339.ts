/** Go's zero time, which the Engine API shows for "never". */
export const ZERO_TIME = '0001-01-01T00:00:00Z';

const NS_PER_MS = 1_000_000n;
const DRIFT_NS = 2n * NS_PER_MS;
let offsetNs = 0n;

/**
 * Nanoseconds since the epoch. Follows the system's clock to within 2 ms, and between its corrections never goes back, so
 * that times taken one after another sort as they happened.
 */
export function nowNs(): bigint {
  const monotonic = process.hrtime.bigint();
  const wall = BigInt(Date.now()) * NS_PER_MS;
  const drift = monotonic + offsetNs - wall;
  if (drift > DRIFT_NS || drift < -DRIFT_NS) offsetNs = wall - monotonic;
  return monotonic + offsetNs;
}

/** RFC 3339 in UTC with up to nine decimals, trailing zeros dropped, as Go's RFC3339Nano prints a time. */
export function formatRfc3339Nano(ns: bigint): string {
  const seconds = ns / 1_000_000_000n;
  const fraction = (ns % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  const date = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return fraction === '' ? `${date}Z` : `${date}.${fraction}Z`;
}

/** The inverse: nanoseconds since the epoch; null when the text is no RFC 3339 time. Go's zero time is negative. */
export function parseRfc3339Ns(text: string): bigint | null {
  const match = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)$/.exec(text);
  if (!match) return null;
  const ms = Date.parse(`${(match[1] ?? '').replace(/[t ]/, 'T')}${(match[3] ?? 'Z').toUpperCase()}`);
  if (Number.isNaN(ms)) return null;
  return BigInt(ms) * 1_000_000n + BigInt((match[2] ?? '').padEnd(9, '0') || '0');
}
