import type { ApiClient } from '../../support/api-client.js';
import type { ImageQuestion } from './image-requests.js';
import type { ImageScene } from './image-scene.js';

export interface ImageAnswer {
  status: number;
  /** What is compared of the body. */
  body: unknown;
}

const LIST_FIELDS = ['Id', 'RepoTags', 'RepoDigests', 'Labels', 'ParentId', 'Size', 'SharedSize', 'Containers'];
const INSPECT_FIELDS = ['Id', 'RepoTags', 'RepoDigests', 'Parent', 'Size', 'Image', 'Config'];

/** Asks, and gives what matters of the answer, with nothing in it that belongs to this run alone. */
export async function askImage(api: ApiClient, scene: ImageScene, question: ImageQuestion): Promise<ImageAnswer> {
  const body =
    question.body === undefined ? undefined : (JSON.parse(scene.fill(JSON.stringify(question.body))) as object);
  const isPush = question.path.includes('/push');
  const headers: Record<string, string> = isPush ? { 'X-Registry-Auth': 'e30=' } : {};
  const reply = await api.call(question.method, scene.fill(question.path), body, headers);
  if (reply.headers['content-type'] === 'application/x-tar') return { status: reply.status, body: 'an archive' };
  const text = scene.normalise(reply.text);
  try {
    return { status: reply.status, body: essence(question, JSON.parse(text)) };
  } catch (error) {
    if (error instanceof SyntaxError) return { status: reply.status, body: text };
    throw error;
  }
}

function essence({ path }: ImageQuestion, body: unknown): unknown {
  if (path.includes('/images/json')) return Array.isArray(body) ? body.map((row) => pick(row, LIST_FIELDS)) : body;
  if (/\/images\/.*\/json/.test(path) || /\/containers\/.*\/json/.test(path)) return pick(body, INSPECT_FIELDS);
  if (path.includes('/containers/create')) return pick(body, ['Id', 'message']);
  if (path.includes('/system/df')) {
    const { LayersSize, Images, message } = body as Record<string, unknown>;
    return message ? { message } : { LayersSize, Images: (Images as object[]).map((row) => pick(row, LIST_FIELDS)) };
  }
  return body;
}

function pick(value: unknown, fields: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || 'message' in value) return value;
  const kept = Object.fromEntries(Object.entries(value).filter(([key]) => fields.includes(key)));
  // Of a configuration only which image it was asked for.
  if ('Config' in kept) kept['Config'] = (kept['Config'] as { Image?: string }).Image ?? '';
  for (const key of ['RepoTags', 'RepoDigests']) if (Array.isArray(kept[key])) kept[key] = [...kept[key]].sort();
  return kept;
}
