import { parseByteSize } from '../../shared/byte-size.js';
import { invalid, notFound } from '../../shared/errors.js';
import type { Filters } from '../containers/container.js';
import type { Volume } from './volume.js';

/** Marks volumes that were made without a name. Source: dockerd, which decides by this label too. */
export const ANONYMOUS_LABEL = 'com.docker.volume.anonymous';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const OPTIONS: ReadonlySet<string> = new Set(['type', 'o', 'device', 'size']);

/** Throws what dockerd's local driver says to a request that it can't fulfil. */
export function checkVolumeRequest(name: string, driver: string, options: Record<string, string>): void {
  if (driver !== '' && driver !== 'local') {
    throw notFound(`create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`);
  }
  if (name.length < 2) {
    throw invalid(`create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
  }
  if (!NAME.test(name)) {
    throw invalid(
      `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only ` +
        `"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  const unknown = Object.keys(options).find((key) => !OPTIONS.has(key));
  if (unknown !== undefined) throw invalid(`create ${name}: invalid option: ${JSON.stringify(unknown)}`);
  if (options.size) {
    if (parseByteSize(options.size) === null) throw invalid(`create ${name}: invalid size: '${options.size}'`);
    throw invalid(`create ${name}: quota size requested but no quota support`);
  }
  // An option that is given without a value names a file system, too, and then lacks what that needs.
  if (!['type', 'o', 'device'].some((key) => options[key] !== undefined)) return;
  const missing = ['device', 'type'].find((key) => (options[key] ?? '') === '');
  if (missing !== undefined) throw invalid(`create ${name}: missing required option: "${missing}"`);
}

/** Whether the options name a file system of its own. */
export function needsMount(options: Record<string, string>): boolean {
  return ['type', 'o', 'device'].some((key) => (options[key] ?? '') !== '');
}

const LIST_KEYS: ReadonlySet<string> = new Set(['dangling', 'driver', 'label', 'label!', 'name']);
const PRUNE_KEYS: ReadonlySet<string> = new Set(['all', 'label', 'label!']);

/** A predicate for `GET /volumes`. Throws invalid for what dockerd refuses. */
export function listFilter(filters: Filters, isReferenced: (name: string) => boolean): (volume: Volume) => boolean {
  checkKeys(filters, LIST_KEYS);
  const dangling = filters.get('dangling');
  const wanted = dangling === undefined || dangling.length === 0 ? null : parseDangling(dangling);
  return (volume) =>
    (wanted === null || isReferenced(volume.name) !== wanted) &&
    some(filters, 'driver', (value) => value === volume.driver) &&
    some(filters, 'name', (value) => matchesName(volume.name, value)) &&
    matchesLabels(volume, filters);
}

/** A predicate for prune: anonymous volumes, or all with `all=true`. */
export function pruneFilter(filters: Filters): (volume: Volume) => boolean {
  checkKeys(filters, PRUNE_KEYS);
  const all = (filters.get('all') ?? []).map(parseAll).some(Boolean);
  return (volume) => (all || volume.anonymous) && matchesLabels(volume, filters);
}

function checkKeys(filters: Filters, allowed: ReadonlySet<string>): void {
  const unknown = [...filters.keys()].find((key) => !allowed.has(key));
  if (unknown !== undefined) throw invalid(`invalid filter '${unknown}'`);
}

function parseDangling(values: readonly string[]): boolean {
  if (values.every((value) => value === 'true' || value === '1')) return true;
  if (values.every((value) => value === 'false' || value === '0')) return false;
  throw invalid(`invalid filter 'dangling=[${values.join(' ')}]'`);
}

function parseAll(value: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(value)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(value)) return false;
  throw invalid(`invalid filter 'all': strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`);
}

function some(filters: Filters, key: string, matches: (value: string) => boolean): boolean {
  const values = filters.get(key);
  return values === undefined || values.length === 0 || values.some(matches);
}

/** A part of the name, or a regular expression. */
function matchesName(name: string, value: string): boolean {
  if (name.includes(value)) return true;
  try {
    return new RegExp(value).test(name);
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}

function matchesLabels({ labels }: Volume, filters: Filters): boolean {
  const has = (text: string): boolean => {
    const [key = '', value] = text.split(/=(.*)/s);
    return Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
  };
  return (filters.get('label') ?? []).every(has) && !(filters.get('label!') ?? []).some(has);
}
