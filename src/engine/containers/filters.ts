import { invalid } from '../../shared/errors.js';
import { matchesPattern } from '../../shared/match-pattern.js';
import type { Container, Filters } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import { portsTest } from './port-filters.js';

/** In the order in which dockerd looks at their values: the first bad one is told. */
const KNOWN = [
  'exited',
  'status',
  'is-task',
  'health',
  'before',
  'since',
  'ancestor',
  'expose',
  'id',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'volume',
];
const STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const HEALTH = ['none', 'starting', 'healthy', 'unhealthy'];

/** What filters need beside the containers. */
export interface FilterContext {
  find(ref: string): ContainerEntry;
  /** Whether the container was made from the image that the reference names, or from one based on it. */
  hasAncestor(container: Container, ref: string): boolean;
}

export type ContainerFilter = (container: Container) => boolean;

/** Whether filters ask for containers that do not run: then `all` is implied. `exited` alone does not, as with dockerd. */
export function impliesAll(filters: Filters): boolean {
  return filters.has('status');
}

/**
 * A predicate for parsed filters: OR within a key, AND across keys (labels: AND). Throws dockerd's words for what it does not know,
 * not-found for a container that `before` or `since` names.
 */
export function containerFilter(filters: Filters, context: FilterContext): ContainerFilter {
  for (const key of filters.keys()) if (!KNOWN.includes(key)) throw invalid(`invalid filter '${key}'`);
  const tests: ContainerFilter[] = [];
  for (const key of KNOWN) {
    const values = filters.get(key) ?? [];
    if (values.length > 0) tests.push(testOf(key, values, context));
  }
  const ports = portsTest(filters.get('publish') ?? [], filters.get('expose') ?? []);
  if (ports) tests.push(ports);
  return tests.length === 0 ? () => true : (container) => tests.every((test) => test(container));
}

function testOf(key: string, values: readonly string[], context: FilterContext): ContainerFilter {
  switch (key) {
    case 'id':
      return ({ id }) => values.some((value) => id.startsWith(value));
    case 'name':
      return ({ name }) => values.some((value) => matchesPattern(value, `/${name}`) || matchesPattern(value, name));
    case 'label':
      return ({ config }) => values.every((value) => hasLabel(config.labels, value));
    case 'status':
      oneOf('status', 'state', values, STATES);
      return ({ state }) => values.includes(state.status);
    case 'health':
      oneOf('health', 'health', values, HEALTH);
      return ({ state }) => values.includes(state.health?.status ?? 'none');
    case 'exited':
      return exitedTest(values);
    case 'before':
    case 'since':
      return orderTest(key, values, context);
    case 'ancestor':
      return (container) => values.some((value) => context.hasAncestor(container, value));
    case 'network':
      return (container) => values.some((value) => onNetwork(container, value));
    case 'volume':
      return ({ mounts }) =>
        values.some((value) => mounts.some((m) => m.name === value || m.source === value || m.destination === value));
    case 'is-task':
      return taskTest(values);
    default:
      return () => true;
  }
}

function oneOf(key: string, what: string, values: readonly string[], allowed: string[]): void {
  for (const value of values) {
    if (!allowed.includes(value)) {
      throw invalid(
        `invalid filter '${key}=${value}': invalid value for ${what} (${value}): must be one of ${allowed.join(', ')}`,
      );
    }
  }
}

export function hasLabel(labels: Record<string, string>, wanted: string): boolean {
  const [key = '', value] = wanted.split(/=(.*)/s);
  return key in labels && (value === undefined || labels[key] === value);
}

function exitedTest(values: readonly string[]): ContainerFilter {
  const codes = values.map((value) => {
    if (!/^[+-]?\d+$/.test(value)) {
      throw invalid(`invalid filter 'exited=${value}': strconv.Atoi: parsing "${value}": invalid syntax`);
    }
    return Number(value);
  });
  return ({ state }) => !state.running && state.status !== 'created' && codes.includes(state.exitCode);
}

function orderTest(key: 'before' | 'since', values: readonly string[], context: FilterContext): ContainerFilter {
  const limits = values.map((value) => context.find(value).container.created);
  return ({ created }) =>
    limits.every((limit) => (key === 'before' ? compareTimes(created, limit) < 0 : compareTimes(created, limit) > 0));
}

/** Orders RFC 3339 times in UTC, whose fractions may have different lengths. */
export function compareTimes(a: string, b: string): number {
  // Nine of ten: those of the same length have the same form.
  if (a.length === b.length) return a < b ? -1 : a > b ? 1 : 0;
  const pad = (time: string): string =>
    (time.includes('.') ? time.slice(0, -1) : `${time.slice(0, -1)}.`).padEnd(29, '0');
  const [left, right] = [pad(a), pad(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function onNetwork({ network, hostConfig }: Container, wanted: string): boolean {
  if (Object.keys(network.networks).length === 0) return hostConfig.networkMode === wanted;
  return Object.entries(network.networks).some(
    ([name, { networkId }]) => name === wanted || (wanted !== '' && networkId.startsWith(wanted)),
  );
}

/** No container of ours belongs to a service. */
function taskTest(values: readonly string[]): ContainerFilter {
  const isFalse = values.some((value) => value === '0' || value === 'false');
  const isTrue = values.some((value) => value === '1' || value === 'true');
  if (isFalse === isTrue) throw invalid(`invalid filter 'is-task=[${values.join(' ')}]'`);
  return () => isFalse;
}
