/** The types of things that events tell about. */
export type EventType =
  | 'container'
  | 'image'
  | 'network'
  | 'volume'
  | 'plugin'
  | 'daemon'
  | 'builder'
  | 'node'
  | 'service'
  | 'secret'
  | 'config';

/** Something that happened, as `docker events` tells it. */
export interface EngineEvent {
  type: EventType;
  action: string;
  scope: 'local' | 'swarm';
  actorId: string;
  attributes: Record<string, string>;
  /** Nanoseconds since the epoch. */
  timeNs: bigint;
}

/** Tells every subscriber; never throws and never waits. The time is set by the bus. */
export type EmitEvent = (event: {
  type: EventType;
  action: string;
  actorId: string;
  attributes: Record<string, string>;
}) => void;
