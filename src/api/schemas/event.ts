import type { EngineEvent } from '../../engine/events/event.js';

/** Types whose events old clients read from `status`, `id` and `from`. */
const LEGACY_TYPES = new Set(['container', 'image']);

/**
 * An event as one line of JSON. `timeNano` is written as a raw integer: as a JavaScript number it would lose digits.
 * `isLegacy` adds the fields that clients before 1.52 may depend on.
 */
export function fromEvent(event: EngineEvent, isLegacy: boolean): string {
  const { type, action, actorId, attributes, scope, timeNs } = event;
  const body = {
    ...(isLegacy && LEGACY_TYPES.has(type) ? legacyFields(event) : undefined),
    Type: type,
    Action: action,
    Actor: { ID: actorId, Attributes: attributes },
    scope,
    time: Number(timeNs / 1_000_000_000n),
  };
  return `${JSON.stringify(body).slice(0, -1)},"timeNano":${timeNs}}\n`;
}

function legacyFields({ type, action, actorId, attributes }: EngineEvent) {
  return {
    status: action,
    id: actorId === '' ? undefined : actorId,
    from: type === 'container' ? attributes.image : undefined,
  };
}
