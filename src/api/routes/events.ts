import type { EngineEvent } from '../../engine/events/event.js';
import { invalid } from '../../shared/errors.js';
import { atLeast } from '../http/api-version.js';
import { streamFlushed } from '../http/flushed-stream.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { fromEvent } from '../schemas/event.js';

const RECORD_SEPARATOR = '\x1e'; // RFC 7464
const JSON_SEQ = 'application/json-seq';

/** Source: Engine API v1.52 and v1.53 changelogs. */
function contentType({ version, headers }: Pick<ApiRequest, 'version' | 'headers'>): string {
  if (!atLeast(version, '1.52')) return 'application/json';
  const accepted = (headers.accept ?? '').split(',').map((type) => (type.split(';', 1)[0] ?? '').trim());
  const offered = ['application/jsonl', 'application/x-ndjson', JSON_SEQ];
  return accepted.find((type) => offered.includes(type)) ?? 'application/jsonl';
}

async function streamEvents(request: ApiRequest): Promise<null> {
  const { engine, query, version, signal } = request;
  const sinceNs = query.timestamp('since');
  const untilNs = query.timestamp('until');
  if (sinceNs !== null && untilNs !== null && sinceNs > untilNs) {
    throw invalid(
      `\`since\` time (${query.string('since')}) cannot be after \`until\` time (${query.string('until')})`,
    );
  }
  const events = engine.events.subscribe({ sinceNs, untilNs, filters: query.filters() }, signal);
  const type = contentType(request);
  const lines = encode(events, {
    prefix: type === JSON_SEQ ? RECORD_SEPARATOR : '',
    isLegacy: !atLeast(version, '1.52'),
    hasImageCreate: atLeast(version, '1.46'),
  });
  return streamFlushed(request, type, lines);
}

async function* encode(
  events: AsyncIterable<EngineEvent>,
  options: { prefix: string; isLegacy: boolean; hasImageCreate: boolean },
): AsyncIterable<string> {
  for await (const event of events) {
    if (event.type === 'image' && event.action === 'create' && !options.hasImageCreate) continue;
    yield options.prefix + fromEvent(event, options.isLegacy);
  }
}

export const EVENT_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'GET',
    path: '/events',
    since: '1.24',
    cancelled: 'with-client',
    longLived: true,
    handler: streamEvents,
  },
];
