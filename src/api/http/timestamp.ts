import { invalid } from '../../shared/errors.js';

const UNIT_NS: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};
const DURATION =
  /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|[\u00b5\u03bc]s|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|[\u00b5\u03bc]s|ms|s|m|h))*$/;
const DATE = /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}(?::\d{2}(?::\d{2})?)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?$/;

/**
 * Unix seconds with an optional fraction, RFC 3339 in the precisions Docker takes (local time without a zone), or a Go
 * duration back from now, as nanoseconds since the epoch. Throws invalid.
 */
export function parseTimestamp(text: string, nowMs = Date.now()): bigint {
  const unix = /^([+-]?\d+)(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (unix) {
    const seconds = BigInt((unix[1] ?? '0').replace('+', ''));
    if (BigInt.asIntN(64, seconds) !== seconds) {
      throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(unix[1])}: value out of range`);
    }
    const nanos = BigInt((unix[2] ?? '').padEnd(9, '0'));
    return seconds * 1_000_000_000n + (text.startsWith('-') ? -nanos : nanos);
  }
  if (DURATION.test(text)) return BigInt(nowMs) * 1_000_000n - parseDuration(text);
  const date = DATE.exec(text);
  if (date) {
    const [, day = '', time = '00', fraction = '', zone = ''] = date;
    const clock = time.padEnd(8, ':00:00'.slice(time.length - 2));
    const ms = Date.parse(`${day}T${clock}${zone}`);
    if (!Number.isNaN(ms)) return BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
  }
  throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(badPart(text))}: invalid syntax`);
}

/** Seconds and their fraction are read apart. */
function badPart(text: string): string {
  const [seconds = '', fraction] = text.split(/\.(.*)/s);
  return fraction !== undefined && /^[+-]?\d+$/.test(seconds) ? fraction : seconds;
}

/** A Go duration (`1h30m`, `-1.5s`) that is known to be well-formed, in nanoseconds. */
function parseDuration(text: string): bigint {
  let total = 0;
  for (const [, number = '0', unit = 's'] of text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|[\u00b5\u03bc]s|ms|s|m|h)/g)) {
    total += Number(number) * (UNIT_NS[unit] ?? 0);
  }
  return BigInt(Math.round(text.startsWith('-') ? -total : total));
}
