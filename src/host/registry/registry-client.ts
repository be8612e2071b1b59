import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import { digestOf, isDigest } from '../../shared/digest.js';
import { errorKind, errorMessage, internal, WharfError } from '../../shared/errors.js';
import type { Authorizer } from './authorizer.js';
import type { Endpoint } from './endpoint.js';
import { readBody } from './read-body.js';
import { RegistryError, registryErrorOf } from './registry-error.js';
import type { HttpMethod, Transport } from './transport.js';

const MANIFEST_TYPES = [
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
];
/** As much as any registry must take. Source: OCI distribution-spec, "Pushing Manifests". */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_TAGS_BYTES = 16 * 1024 * 1024;
const MAX_TAG_PAGES = 1000;

export interface ServedManifest {
  bytes: Buffer;
  mediaType: string;
  digest: string;
}

/** One repository at one endpoint, in the registry protocol v2. Every call can be aborted. */
export class RegistryClient {
  constructor(
    readonly endpoint: Endpoint,
    /** `library/busybox`. */
    readonly repository: string,
    private readonly transport: Transport,
    private readonly authorizer: Authorizer,
  ) {}

  /** Sees whether a registry answers there, and learns what it asks of us. Throws in the words of Go's client. */
  async ping(signal: AbortSignal): Promise<void> {
    const response = await this.transport.send({ method: 'GET', url: `${this.endpoint.baseUrl}/v2/`, signal });
    if (response.statusCode === 401) await this.authorizer.challenged(response, signal);
    response.destroy();
  }

  /**
   * A manifest by tag or digest, at most 4 MiB, exactly as served. One that was asked for by digest has that digest, else
   * it is an error. An unknown one is a RegistryError.
   */
  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<ServedManifest> {
    const response = await this.request(
      'GET',
      `manifests/${tagOrDigest}`,
      { accept: MANIFEST_TYPES.join(', ') },
      signal,
    );
    if (response.statusCode !== 200) throw await registryErrorOf(response);
    const bytes = await readBody(response, MAX_MANIFEST_BYTES);
    const digest = digestOf(bytes);
    const promised = isDigest(tagOrDigest) ? tagOrDigest : response.headers['docker-content-digest'];
    if (typeof promised === 'string' && isDigest(promised) && promised !== digest) {
      throw internal(`manifest verification failed for digest ${promised}`);
    }
    const mediaType = (response.headers['content-type'] ?? '').split(';')[0]?.trim() ?? '';
    return { bytes, mediaType, digest };
  }

  /**
   * A blob from `offset` on. `startOffset` is where the bytes really start: 0 when the registry knows no ranges.
   * `totalBytes` null: the registry does not say.
   */
  async blob(
    digest: string,
    offset: number,
    signal: AbortSignal,
  ): Promise<{ body: Readable; startOffset: number; totalBytes: number | null }> {
    const headers = offset > 0 ? { range: `bytes=${offset}-` } : {};
    const response = await this.request('GET', `blobs/${digest}`, headers, signal);
    const length = Number(response.headers['content-length'] ?? NaN);
    if (response.statusCode === 206) {
      const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '');
      if (Number(range?.[1]) !== offset) throw internal('registry answered another range than asked for');
      return { body: response, startOffset: offset, totalBytes: Number.isNaN(length) ? null : offset + length };
    }
    if (response.statusCode !== 200) throw await registryErrorOf(response);
    return { body: response, startOffset: 0, totalBytes: Number.isNaN(length) ? null : length };
  }

  /** Every tag of the repository, page by page. */
  async tags(signal: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let path = 'tags/list';
    for (let page = 0; page < MAX_TAG_PAGES; page++) {
      const response = await this.request('GET', path, {}, signal);
      if (response.statusCode !== 200) throw await registryErrorOf(response);
      const answer = parseJson(await readBody(response, MAX_TAGS_BYTES)) as { tags?: unknown };
      if (Array.isArray(answer.tags)) tags.push(...answer.tags.filter((tag): tag is string => typeof tag === 'string'));
      const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(response.headers.link ?? ''))?.[1];
      if (next === undefined) break;
      path = `tags/list${new URL(next, this.endpoint.baseUrl).search}`;
    }
    return tags;
  }

  /** Whether the repository has the blob. */
  async hasBlob(digest: string, signal: AbortSignal): Promise<boolean> {
    const response = await this.request('HEAD', `blobs/${digest}`, {}, signal);
    response.resume();
    if (response.statusCode === 200) return true;
    if (response.statusCode === 404) return false;
    throw await registryErrorOf(response);
  }

  /** Uploads a blob in one piece. `open` is called once for each attempt and its stream destroyed after it. */
  async putBlob(digest: string, sizeBytes: number, open: () => Readable | Buffer, signal: AbortSignal): Promise<void> {
    const started = await this.request('POST', 'blobs/uploads/', { 'content-length': 0 }, signal);
    if (started.statusCode !== 202) throw await registryErrorOf(started);
    started.resume();
    const url = new URL(started.headers.location ?? '', `${this.endpoint.baseUrl}/v2/`);
    url.searchParams.set('digest', digest);
    const authorization = await this.authorizer.authorization(signal);
    const sameOrigin = url.origin === new URL(this.endpoint.baseUrl).origin;
    const response = await this.transport.send({
      method: 'PUT',
      url: url.href,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': sizeBytes,
        ...(authorization !== null && sameOrigin ? { authorization } : {}),
      },
      body: open(),
      signal,
    });
    if (response.statusCode !== 201) throw await registryErrorOf(response);
    response.resume();
  }

  /** Takes a blob over from another repository of the registry. false: it would have to be uploaded. */
  async mountBlob(digest: string, fromRepository: string, signal: AbortSignal): Promise<boolean> {
    const query = `mount=${digest}&from=${encodeURIComponent(fromRepository)}`;
    const response = await this.request('POST', `blobs/uploads/?${query}`, { 'content-length': 0 }, signal);
    response.resume();
    return response.statusCode === 201;
  }

  async putManifest(tag: string, mediaType: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const headers = { 'content-type': mediaType, 'content-length': bytes.length };
    const response = await this.request('PUT', `manifests/${tag}`, headers, signal, bytes);
    if (response.statusCode !== 201) throw await registryErrorOf(response);
    response.resume();
  }

  private async request(
    method: HttpMethod,
    path: string,
    headers: OutgoingHttpHeaders,
    signal: AbortSignal,
    body?: Buffer,
  ): Promise<IncomingMessage> {
    const url = `${this.endpoint.baseUrl}/v2/${this.repository}/${path}`;
    const send = async (): Promise<IncomingMessage> => {
      const authorization = await this.authorizer.authorization(signal);
      const withAuthorization = authorization === null ? headers : { ...headers, authorization };
      return this.transport.send({ method, url, headers: withAuthorization, signal, ...(body ? { body } : {}) });
    };
    try {
      const response = await send();
      if (response.statusCode !== 401 || response.headers['www-authenticate'] === undefined) return response;
      const refused = await registryErrorOf(response);
      await this.authorizer.challenged(response, signal);
      if ((await this.authorizer.authorization(signal)) === null) throw refused;
      return await send();
    } catch (error) {
      if (!(error instanceof WharfError) || error instanceof RegistryError || errorKind(error) !== 'internal')
        throw error;
      if (!error.message.startsWith('no basic auth')) throw error;
      throw internal(`${method === 'GET' ? 'Head' : 'Get'} ${JSON.stringify(url)}: ${errorMessage(error)}`, error);
    }
  }
}

function parseJson(body: Buffer): object {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw internal(`error parsing HTTP 200 response body: ${errorMessage(error)}`, error);
  }
  return typeof json === 'object' && json !== null ? json : {};
}
