import { describe, expect, it } from 'vitest';
import { nowNs } from '../../shared/rfc3339.js';
import type { EngineEvent } from './event.js';
import { EventBus } from './event-bus.js';
import { matchesFilters } from './event-filter.js';

const event = (part: Partial<EngineEvent>): EngineEvent => ({
  type: 'container',
  action: 'start',
  scope: 'local',
  actorId: 'abcdef',
  attributes: { name: 'web', image: 'docker/getting:1', tier: 'front' },
  timeNs: 1n,
  ...part,
});
const filters = (object: Record<string, string[]>) => new Map(Object.entries(object));
const never = new AbortController().signal;
const tell = (bus: EventBus, action: string, actorId = 'x') =>
  bus.emit({ type: 'container', action, actorId, attributes: {} });
async function actions(events: AsyncIterable<EngineEvent>): Promise<string[]> {
  const seen: string[] = [];
  for await (const one of events) seen.push(one.action);
  return seen;
}

describe('matchesFilters', () => {
  it.each([
    [{}, {}, true],
    [{}, { container: ['abc'] }, true],
    [{}, { container: ['we'] }, true],
    [{}, { container: ['eb'] }, false],
    [{}, { container: ['zzz', 'web'], type: ['container'] }, true],
    [{}, { container: ['web'], type: ['image'] }, false],
    [{}, { image: ['docker/getting'] }, true],
    [{}, { image: ['docker/getting:1'] }, true],
    [{}, { image: ['docker/get'] }, false],
    [{ type: 'network', attributes: { name: 'docker/getting' } }, { image: ['docker/getting'] }, false],
    [{ type: 'network', attributes: { name: 'net' } }, { image: [''] }, true],
    [{}, { image: ['docker/getting:2'] }, false],
    [{ type: 'image', actorId: 'sha256:aa', attributes: { name: 'reg:5000/a' } }, { image: ['reg:5000/a'] }, true],
    [{ type: 'image', actorId: 'sha256:aa', attributes: { name: 'reg:5000/a:t' } }, { image: ['reg:5000/a'] }, true],
    [{}, { label: ['tier'] }, true],
    [{}, { label: ['tier=front'] }, true],
    [{}, { label: ['tier=front', 'name=other'] }, false],
    [{}, { label: ['toString'] }, false],
    [{}, { event: ['start'] }, true],
    [{}, { event: ['sta'] }, false],
    [{ action: 'health_status: healthy' }, { event: ['health_status'] }, true],
    [{ action: 'health_status: healthy' }, { event: ['health_status: healthy'] }, true],
    [{ action: 'health_status: healthy' }, { event: ['health_status: unhealthy'] }, false],
    [{ action: 'exec_start: sh -c x' }, { event: ['exec_start'] }, true],
    [{}, { scope: ['swarm'] }, false],
    [{}, { unknown: ['x'] }, true],
  ] as [Partial<EngineEvent>, Record<string, string[]>, boolean][])('%j with %j: %s', (part, wanted, expected) => {
    expect(matchesFilters(event(part), filters(wanted))).toBe(expected);
  });
});

describe('EventBus', () => {
  it('replays from since, then goes on live, then ends with the signal', async () => {
    const bus = new EventBus();
    tell(bus, 'old');
    const since = nowNs();
    tell(bus, 'create');
    const stop = new AbortController();
    const seen = actions(bus.subscribe({ sinceNs: since, untilNs: null, filters: new Map() }, stop.signal));
    tell(bus, 'start');
    expect(bus.listenerCount).toBe(1);
    stop.abort();
    tell(bus, 'late');
    expect(await seen).toEqual(['create', 'start']);
    expect(bus.listenerCount).toBe(0);
  });

  it('tells a subscriber without since only what comes', async () => {
    const bus = new EventBus();
    tell(bus, 'old');
    const stream = bus.subscribe({ sinceNs: null, untilNs: null, filters: new Map() }, never);
    tell(bus, 'new');
    bus[Symbol.dispose]();
    expect(await actions(stream)).toEqual(['new']);
  });

  it('is finite when until is past, and replays everything up to it', async () => {
    const bus = new EventBus();
    tell(bus, 'a');
    tell(bus, 'b');
    const until = nowNs();
    tell(bus, 'c');
    expect(await actions(bus.subscribe({ sinceNs: null, untilNs: until, filters: new Map() }, never))).toEqual([
      'a',
      'b',
    ]);
    expect(bus.listenerCount).toBe(0);
  });

  it.each([0n, -5n])('replays everything, and ends, when until is %i', async (untilNs) => {
    const bus = new EventBus();
    tell(bus, 'a');
    expect(await actions(bus.subscribe({ sinceNs: null, untilNs, filters: new Map() }, never))).toEqual(['a']);
    expect(bus.listenerCount).toBe(0);
  });

  it('ends a live stream at until', async () => {
    const bus = new EventBus();
    const until = nowNs() + 20_000_000n;
    const stream = bus.subscribe({ sinceNs: null, untilNs: until, filters: new Map() }, never);
    tell(bus, 'a');
    expect(await actions(stream)).toEqual(['a']);
    expect(nowNs() >= until).toBe(true);
  });

  it('keeps 256 events', async () => {
    const bus = new EventBus();
    for (let i = 0; i < 300; i++) tell(bus, `e${i}`);
    const seen = await actions(bus.subscribe({ sinceNs: 0n, untilNs: nowNs(), filters: new Map() }, never));
    expect(seen).toHaveLength(256);
    expect(seen.at(0)).toBe('e44');
  });

  it('unsubscribes a reader that leaves its loop, and disconnects one that never reads', async () => {
    const bus = new EventBus();
    const left = bus.subscribe({ sinceNs: null, untilNs: null, filters: new Map() }, never);
    bus.subscribe({ sinceNs: null, untilNs: null, filters: new Map() }, never);
    tell(bus, 'a');
    for await (const _ of left) break;
    expect(bus.listenerCount).toBe(1);
    for (let i = 0; i < 5000; i++) tell(bus, 'more');
    expect(bus.listenerCount).toBe(0);
  });
});
