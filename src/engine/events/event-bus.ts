import type { Filters } from '../containers/container.js';
import type { EmitEvent, EngineEvent } from './event.js';

export interface EventQuery {
  /** Nanoseconds since the epoch; null: only what comes from now on. */
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
