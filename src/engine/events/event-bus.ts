import { nowNs } from '../../shared/rfc3339.js';
import type { Filters } from '../containers/container.js';
import type { EmitEvent, EngineEvent } from './event.js';
import { matchesFilters } from './event-filter.js';
import { EventSubscription } from './event-subscription.js';

export interface EventQuery {
  /** Nanoseconds since the epoch; null: only what comes from now on (with `untilNs`: from the oldest that is kept). */
  sinceNs: bigint | null;
  /** null: for ever. In the past: the stream ends after the replay. */
  untilNs: bigint | null;
  filters: Filters;
}

/**
 * Where events are told and listened to. Keeps the last 256 for `since`. A subscriber that does not keep up is
 * disconnected rather than allowed to hold memory without bound.
 */
export interface Events {
  readonly emit: EmitEvent;
  /** Subscribed from the moment of the call, before the first iteration. Ends at `untilNs` or when aborted. */
  subscribe(query: EventQuery, signal: AbortSignal): AsyncIterable<EngineEvent>;
  readonly listenerCount: number;
}

/** How many past events `since` can reach, as with dockerd. */
const KEPT_EVENTS = 256;

/** The one bus of the daemon. `close` ends every stream. */
export class EventBus implements Events, Disposable {
  private readonly kept: EngineEvent[] = [];
  private readonly subscriptions = new Set<EventSubscription>();

  readonly emit: EmitEvent = ({ type, action, actorId, attributes }) => {
    const event: EngineEvent = {
      type,
      action,
      scope: 'local',
      actorId,
      attributes: { ...attributes },
      timeNs: nowNs(),
    };
    this.kept.push(event);
    if (this.kept.length > KEPT_EVENTS) this.kept.shift();
    for (const subscription of this.subscriptions) subscription.offer(event);
  };

  get listenerCount(): number {
    return this.subscriptions.size;
  }

  subscribe(query: EventQuery, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const { sinceNs, untilNs, filters } = query;
    // Before 1970 is no bound to dockerd, only an end.
    const isBounded = untilNs !== null && untilNs > 0n;
    const accepts = (event: EngineEvent): boolean =>
      (!isBounded || event.timeNs <= untilNs) && matchesFilters(event, filters);
    const replay =
      sinceNs === null && untilNs === null ? [] : this.kept.filter((event) => event.timeNs >= (sinceNs ?? 0n));
    const subscription = new EventSubscription(replay.filter(accepts), accepts, untilNs);
    if (!subscription.ended) {
      this.subscriptions.add(subscription);
      subscription.onEnd = () => void this.subscriptions.delete(subscription);
      subscription.endOn(signal);
    }
    return subscription;
  }

  [Symbol.dispose](): void {
    for (const subscription of [...this.subscriptions]) subscription.end();
  }
}
