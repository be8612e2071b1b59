import type { Filters } from '../containers/container.js';
import type { EngineEvent } from './event.js';

/** Keys whose values are prefixes of the actor's id or name, whatever the event's type. */
const ACTOR_KEYS = [
  'container',
  'plugin',
  'volume',
  'network',
  'daemon',
  'node',
  'service',
  'secret',
  'config',
] as const;

/** Actions that carry a detail after a colon, which a filter may leave out: `event=health_status`. */
const DETAILED_ACTIONS: ReadonlySet<string> = new Set(['health_status', 'exec_create', 'exec_start']);

/**
 * Whether an event passes the filters: all keys must match, one value of each is enough, but every `label` must match.
 * Keys that are not known let everything pass.
 * Source: tried on dockerd 28.5, which for `container=x` also passes an image or volume whose id or name begins with x.
 */
export function matchesFilters(event: EngineEvent, filters: Filters): boolean {
  const name = event.attributes.name ?? '';
  const has = (key: string, matches: (value: string) => boolean): boolean => {
    const values = filters.get(key);
    return values === undefined || values.length === 0 || values.some(matches);
  };
  return (
    has('event', (value) => matchesAction(event.action, value)) &&
    has('type', (value) => value === event.type) &&
    has('scope', (value) => value === event.scope) &&
    ACTOR_KEYS.every((key) => has(key, (value) => event.actorId.startsWith(value) || name.startsWith(value))) &&
    has('image', (value) => matchesImage(event, value)) &&
    (filters.get('label') ?? []).every((label) => matchesLabel(event.attributes, label))
  );
}

function matchesAction(action: string, value: string): boolean {
  if (action === value) return true;
  const base = action.split(':', 1)[0] ?? '';
  return base === value && DETAILED_ACTIONS.has(base);
}

function matchesImage(event: EngineEvent, value: string): boolean {
  const name = event.attributes[event.type === 'image' ? 'name' : 'image'] ?? '';
  return [event.actorId, name, withoutTag(event.actorId), withoutTag(name)].includes(value);
}

function withoutTag(reference: string): string {
  const withoutDigest = reference.split('@', 1)[0] ?? '';
  return withoutDigest.replace(/:[^:/]*$/, '');
}

function matchesLabel(attributes: Record<string, string>, label: string): boolean {
  const equals = label.indexOf('=');
  if (equals < 0) return Object.hasOwn(attributes, label);
  const key = label.slice(0, equals);
  return Object.hasOwn(attributes, key) && attributes[key] === label.slice(equals + 1);
}
