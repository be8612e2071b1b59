import { invalid } from '../../shared/errors.js';
import { parseGoDurationNs } from '../../shared/go-duration.js';
import { familiarName, familiarString, parseReference, type Reference } from '../../shared/reference.js';
import { nowNs, parseRfc3339Ns } from '../../shared/rfc3339.js';
import type { Filters } from '../containers/container.js';
import type { Image } from './image.js';

/** Throws invalid for a key that is not in `accepted`. */
export function checkFilterKeys(filters: Filters, accepted: readonly string[]): void {
  for (const key of filters.keys()) if (!accepted.includes(key)) throw invalid(`invalid filter '${key}'`);
}

/** A filter that is yes or no; null: not given. Throws invalid in dockerd's words. */
export function booleanFilter(filters: Filters, key: string): boolean | null {
  const values = filters.get(key) ?? [];
  if (!filters.has(key)) return null;
  if (values.length === 0) throw invalid(`invalid filter '${key}'`);
  const [value = ''] = values;
  if (values.length === 1 && ['1', 'true'].includes(value)) return true;
  if (values.length === 1 && ['0', 'false'].includes(value)) return false;
  throw invalid(`invalid filter '${key}=[${values.join(' ')}]'`);
}

/** Whether the labels have all of `label` (`name` or `name=value`) and none of `label!`. */
export function matchesLabels(filters: Filters, labels: Record<string, string>): boolean {
  const has = (wanted: string): boolean => {
    const equals = wanted.indexOf('=');
    if (equals === -1) return wanted in labels;
    return labels[wanted.slice(0, equals)] === wanted.slice(equals + 1);
  };
  return (filters.get('label') ?? []).every(has) && !(filters.get('label!') ?? []).some(has);
}

/**
 * The earliest of the times under `until`, in nanoseconds since the epoch: Unix seconds, RFC 3339, or a duration before
 * now. null: not given.
 */
export function untilFilter(filters: Filters): bigint | null {
  const times = (filters.get('until') ?? []).map(parseTimeNs);
  return times.length === 0 ? null : times.reduce((least, time) => (time < least ? time : least));
}

/** As untilFilter; throws invalid for more than one, as dockerd's prunes do. */
export function singleUntilFilter(filters: Filters): bigint | null {
  if ((filters.get('until') ?? []).length > 1) throw invalid('more than one until filter specified');
  return untilFilter(filters);
}

function parseTimeNs(text: string): bigint {
  const unix = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (unix) return BigInt(unix[1] ?? '') * 1_000_000_000n + BigInt((unix[2] ?? '').padEnd(9, '0'));
  const duration = parseGoDurationNs(text);
  if (duration !== null) return nowNs() - BigInt(Math.round(duration));
  const time = parseRfc3339Ns(text) ?? parseRfc3339Ns(`${text}Z`) ?? parseRfc3339Ns(`${text}T00:00:00Z`);
  if (time === null) throw invalid(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return time;
}

/** The image with only those references that one of the patterns matches; null when none does. */
export function narrowToReferences(image: Image, patterns: readonly string[]): Image | null {
  const matchers = patterns.map((pattern) => globToRegExp(pattern));
  const matches = (text: string): boolean => {
    const ref = parseReference(text);
    return matchers.some((matcher) => candidates(ref).some((candidate) => matcher.test(candidate)));
  };
  const repoTags = image.repoTags.filter(matches);
  const repoDigests = image.repoDigests.filter(matches);
  return repoTags.length + repoDigests.length === 0 ? null : { ...image, repoTags, repoDigests };
}

/** A pattern is held against the familiar reference with and without its tag. Source: dockerd 28.5, observed. */
function candidates(ref: Reference): string[] {
  return [familiarString(ref), familiarName(ref)];
}

/** A pattern of Go's path.Match: `*` and `?` stop at a slash. Throws invalid `syntax error in pattern`. */
function globToRegExp(pattern: string): RegExp {
  let source = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern[i] ?? '';
    if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end === -1) throw invalid('syntax error in pattern');
      const set = pattern.slice(i + 1, end).replace(/[[\]\\]/g, '\\$&');
      source += `[${set}]`;
      i = end;
    } else if (char === '\\') {
      if (++i === pattern.length) throw invalid('syntax error in pattern');
      source += escape(pattern[i] ?? '');
    } else source += escape(char);
  }
  return new RegExp(`^${source}$`);
}

function escape(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&');
}
