import type { IncomingMessage } from 'node:http';
import { DEFAULT_INDEX_HOST } from '../../host/registry/endpoint.js';
import { readBody } from '../../host/registry/read-body.js';
import { errorMessage, internal, invalid, unauthorized } from '../../shared/errors.js';
import type { Filters } from '../containers/container.js';
import type { ImageContext } from './image-context.js';
import { booleanFilter, checkFilterKeys } from './image-filters.js';
import { isObject, numberField, objects, stringField } from './json-fields.js';

/** A repository that a search found. */
export interface SearchResult {
  name: string;
  description: string;
  starCount: number;
  isOfficial: boolean;
  isAutomated: boolean;
}

const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const MAX_LIMIT = 100;

/**
 * Searches the default registry's index, or with `host/term` another registry that has one (version 1 of the protocol). A limit
 * outside of 1 to 100 and unknown filters are invalid. Source: dockerd 28.5, observed.
 */
export async function searchImages(
  context: ImageContext,
  options: { term: string; limit: number; filters: Filters },
  signal: AbortSignal,
): Promise<SearchResult[]> {
  const { term, limit, filters } = options;
  checkFilterKeys(filters, ['is-automated', 'is-official', 'stars']);
  if (limit < 1 || limit > MAX_LIMIT) throw invalid(`limit ${limit} is outside the range of [1, ${MAX_LIMIT}]`);
  const automated = booleanFilter(filters, 'is-automated');
  const official = booleanFilter(filters, 'is-official');
  const stars = Math.max(0, ...(filters.get('stars') ?? []).map(parseStars));
  // No index marks anything as automated any more.
  if (automated === true) return [];
  const found = await ask(context, term, limit, signal);
  return found.filter((one) => (official === null || one.isOfficial === official) && one.starCount >= stars);
}

function parseStars(text: string): number {
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  throw invalid(`invalid filter 'stars=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
}

async function ask(context: ImageContext, term: string, limit: number, signal: AbortSignal): Promise<SearchResult[]> {
  const { host, query } = splitTerm(term);
  const base = host === DEFAULT_INDEX_HOST ? `https://${host}/v1` : await findIndex(context, host, signal);
  const parameters = new URLSearchParams({ q: query, n: String(limit) });
  const response = await context.registries.fetch(`${base}/search?${parameters.toString()}`, signal);
  const body = await readBody(response, MAX_ANSWER_BYTES);
  if (response.statusCode === 401) throw unauthorized(`Unexpected status code ${response.statusCode}`);
  if (response.statusCode !== 200) throw internal(`Unexpected status code ${response.statusCode}`);
  return parseResults(body);
}

/** As references: what is before the first slash is a host if it looks like one. */
function splitTerm(term: string): { host: string; query: string } {
  if (term.includes('://')) {
    throw invalid(`invalid repository name: repository name (${term}) should not have a scheme`);
  }
  const slash = term.indexOf('/');
  const first = term.slice(0, Math.max(0, slash));
  if (slash === -1 || (!/[.:]/.test(first) && first !== 'localhost')) {
    return { host: DEFAULT_INDEX_HOST, query: term.replace(/^library\//, '') };
  }
  const host = first === 'docker.io' ? DEFAULT_INDEX_HOST : first;
  return { host, query: term.slice(slash + 1) };
}

async function findIndex(context: ImageContext, host: string, signal: AbortSignal): Promise<string> {
  const failures: string[] = [];
  for (const scheme of ['https', 'http']) {
    try {
      const response = await context.registries.fetch(`${scheme}://${host}/v1/_ping`, signal);
      response.resume();
      if (isAlive(response)) return `${scheme}://${host}/v1`;
      failures.push(`registry at ${scheme}://${host}/v1/ did not answer as one: ${response.statusCode}`);
    } catch (error) {
      signal.throwIfAborted();
      failures.push(errorMessage(error));
    }
    if (scheme === 'https' && !context.registries.isInsecure(host)) {
      throw invalid(`invalid registry endpoint https://${host}/v1/: ${failures[0]}`);
    }
  }
  const [https, http] = failures;
  throw invalid(`invalid registry endpoint "http://${host}/v1/". HTTPS attempt: ${https}. HTTP attempt: ${http}`);
}

function isAlive(response: IncomingMessage): boolean {
  return response.statusCode === 200 || response.statusCode === 401;
}

function parseResults(body: Buffer): SearchResult[] {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw internal(`error decoding registry search results: ${errorMessage(error)}`, error);
  }
  if (!isObject(json)) throw internal('error decoding registry search results: not an object');
  return objects(json['results']).map((item) => ({
    name: stringField(item, 'name'),
    description: stringField(item, 'description'),
    starCount: numberField(item, 'star_count'),
    isOfficial: item['is_official'] === true,
    isAutomated: false,
  }));
}
