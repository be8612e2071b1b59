import { invalid } from './errors.js';
import { nowNs, parseRfc3339Ns } from './rfc3339.js';

const UNIT_NS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/**
 * A point in time as `until` and `since` name it: seconds since the epoch with or without a fraction, RFC 3339 (parts may be left
 * out), or a Go duration back from now. Nanoseconds since the epoch. Throws invalid `failed to parse value as time or duration: "x"`.
 */
export function parseTimeFilterNs(text: string): bigint {
  const unix = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (unix) return BigInt(unix[1] ?? '0') * 1_000_000_000n + BigInt((unix[2] ?? '').padEnd(9, '0'));
  const backNs = parseGoDurationNs(text);
  if (backNs !== null) return nowNs() - backNs;
  const time = parsePartialTime(text);
  if (time === null) throw invalid(`failed to parse value as time or duration: "${text}"`);
  return time;
}

/** `1h30m`, `-1.5s`, `100ms`; null when it is none. Source: Go, time.ParseDuration. */
export function parseGoDurationNs(text: string): bigint | null {
  const match = /^([+-]?)((?:\d+(?:\.\d*)?(?:ns|us|\u00b5s|ms|s|m|h))+)$/.exec(text);
  if (!match) return null;
  let total = 0;
  for (const [, amount, unit] of (match[2] ?? '').matchAll(/(\d+(?:\.\d*)?)(ns|us|\u00b5s|ms|s|m|h)/g)) {
    total += Number(amount) * (UNIT_NS[unit ?? ''] ?? 0);
  }
  return BigInt(Math.round(match[1] === '-' ? -total : total));
}

function parsePartialTime(text: string): bigint | null {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d)(?::(\d\d(?:\.\d+)?))?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!match) return null;
  const [, date, hour = '00', minute = '00', second = '00', zone = 'Z'] = match;
  return parseRfc3339Ns(`${date}T${hour}:${minute}:${second}${zone}`);
}
