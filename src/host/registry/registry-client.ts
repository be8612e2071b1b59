import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { digestOf, isDigest } from '../../shared/digest.js';
import { errorKind, errorMessage, internal, WharfError } from '../../shared/errors.js';
import type { Authorizer } from './authorizer.js';
import type { TlsSettings } from './client-certificates.js';
import type { Endpoint } from './endpoint.js';
import { readBody } from './read-body.js';
import type { NetworkConfig } from './registry-config.js';
import { parseRetryAfter, readRefusal, RegistryError, registryErrorOf, type Refusal } from './registry-error.js';
import type { HttpMethod, RequestBody, Transport } from './transport.js';

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
/** A registry that is too busy is waited for so long, if it says how long, and so often. */
const MAX_WAIT_SEC = 60;
const MAX_WAITS = 4;

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
    private readonly network: NetworkConfig,
  ) {}

  /** Sees whether a registry answers there, and learns what it asks of us. Throws in the words of Go's client. */
  async ping(signal: AbortSignal): Promise<void> {
    const { apiUrl, tls, headers } = this.endpoint;
    const response = await this.transport.send({ method: 'GET', url: `${apiUrl}/`, tls, headers, signal });
    if (response.statusCode === 401) await this.authorizer.challenged(response.headers['www-authenticate'], signal);
    response.destroy();
  }

  /**
   * A manifest by tag or digest, at most 4 MiB, exactly as served. One that was asked for by digest has that digest, else
   * it is an error. An unknown one is a RegistryError.
   */
  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<ServedManifest> {
    const response = await this.request('GET', `manifests/${tagOrDigest}`, signal, {
      headers: { accept: MANIFEST_TYPES.join(', ') },
    });
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

  /** A small blob, whole. Throws internal when it is larger, or another than its digest says. */
  async smallBlob(digest: string, maxBytes: number, signal: AbortSignal): Promise<Buffer> {
    const response = await this.request('GET', `blobs/${digest}`, signal);
    if (response.statusCode !== 200) throw await registryErrorOf(response);
    let bytes: Buffer;
    try {
      bytes = await readBody(response, maxBytes);
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
    if (digestOf(bytes) !== digest) throw internal(`image config verification failed for digest ${digest}`);
    return bytes;
  }

  /** What a job needs to ask for a blob itself. */
  async blobRequest(
    digest: string,
    signal: AbortSignal,
  ): Promise<{ network: NetworkConfig; url: string; headers: Record<string, string>; tls: TlsSettings }> {
    const authorization = await this.authorizer.authorization(signal);
    const { headers, tls } = this.endpoint;
    return {
      network: this.network,
      url: this.url(`blobs/${digest}`),
      headers: authorization === null ? headers : { ...headers, authorization },
      tls,
    };
  }

  /** Tries to satisfy a 401. false: it was none, or there is nothing that could be shown. */
  async answerChallenge(refusal: Refusal, signal: AbortSignal): Promise<boolean> {
    if (refusal.status !== 401 || refusal.authenticate === '') return false;
    await this.authorizer.challenged(refusal.authenticate, signal);
    return (await this.authorizer.authorization(signal)) !== null;
  }

  /** Every tag of the repository, page by page. */
  async tags(signal: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let path = 'tags/list';
    for (let page = 0; page < MAX_TAG_PAGES; page++) {
      const response = await this.request('GET', path, signal);
      if (response.statusCode !== 200) throw await registryErrorOf(response);
      const answer = parseJson(await readBody(response, MAX_TAGS_BYTES)) as { tags?: unknown };
      if (Array.isArray(answer.tags)) tags.push(...answer.tags.filter((tag): tag is string => typeof tag === 'string'));
      const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(String(response.headers.link ?? ''))?.[1];
      if (next === undefined) break;
      path = `tags/list${new URL(next, this.endpoint.apiUrl).search}`;
    }
    return tags;
  }

  /** Whether the repository has the blob. */
  async hasBlob(digest: string, signal: AbortSignal): Promise<boolean> {
    const response = await this.request('HEAD', `blobs/${digest}`, signal);
    response.resume();
    if (response.statusCode === 200) return true;
    if (response.statusCode === 404) return false;
    throw await registryErrorOf(response);
  }

  /** Whether the repository has the manifest. */
  async hasManifest(digest: string, signal: AbortSignal): Promise<boolean> {
    const headers = { accept: MANIFEST_TYPES.join(', ') };
    const response = await this.request('HEAD', `manifests/${digest}`, signal, { headers });
    response.resume();
    return response.statusCode === 200;
  }

  async putManifest(tagOrDigest: string, mediaType: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
    const headers = { 'content-type': mediaType, 'content-length': bytes.length };
    const response = await this.request('PUT', `manifests/${tagOrDigest}`, signal, { headers, body: () => bytes });
    if (response.statusCode !== 201) throw await registryErrorOf(response);
    response.resume();
  }

  /**
   * A request about the repository; `path` is relative to it, or a whole URL that the registry gave. `body` is called once for each
   * attempt. A challenge is answered, and a registry that names a time is waited for; any other answer is given as it is.
   */
  async request(
    method: HttpMethod,
    path: string,
    signal: AbortSignal,
    options: { headers?: OutgoingHttpHeaders; body?: () => RequestBody } = {},
  ): Promise<IncomingMessage> {
    const url = this.url(path);
    let challenged = false;
    for (let waits = 0; ;) {
      const response = await this.sendOnce(method, url, signal, options);
      const wait = busyForSec(response);
      if (wait > 0 && wait <= MAX_WAIT_SEC && waits++ < MAX_WAITS) {
        response.resume();
        await delay(wait * 1000, undefined, { signal });
        continue;
      }
      if (response.statusCode !== 401 || challenged || response.headers['www-authenticate'] === undefined) {
        return response;
      }
      challenged = true;
      const refusal = await readRefusal(response);
      if (!(await this.inContext(method, url, () => this.answerChallenge(refusal, signal)))) {
        throw RegistryError.of(refusal);
      }
    }
  }

  private async sendOnce(
    method: HttpMethod,
    url: string,
    signal: AbortSignal,
    options: { headers?: OutgoingHttpHeaders; body?: () => RequestBody },
  ): Promise<IncomingMessage> {
    // An upload may be sent to another server, which is shown nothing.
    const isOwn = new URL(url).origin === new URL(this.endpoint.apiUrl).origin;
    const authorization = isOwn ? await this.inContext(method, url, () => this.authorizer.authorization(signal)) : null;
    return this.transport.send({
      method,
      url,
      headers: {
        ...(isOwn ? this.endpoint.headers : {}),
        ...options.headers,
        ...(authorization === null ? {} : { authorization }),
      },
      ...(isOwn ? { tls: this.endpoint.tls } : {}),
      ...(options.body ? { body: options.body() } : {}),
      signal,
    });
  }

  private url(path: string): string {
    return /^https?:\/\//.test(path) ? path : `${this.endpoint.apiUrl}/${this.repository}/${path}`;
  }

  /** Says of missing credentials for what they were needed, as dockerd does. */
  private async inContext<T>(method: HttpMethod, url: string, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      const isOurs = error instanceof WharfError && !(error instanceof RegistryError);
      if (!isOurs || errorKind(error) !== 'internal' || !error.message.startsWith('no basic auth')) throw error;
      throw internal(`${method === 'GET' ? 'Head' : 'Get'} ${JSON.stringify(url)}: ${errorMessage(error)}`, error);
    }
  }
}

/** How long a registry that refuses for now asks us to wait; 0: it does not refuse, or does not say. */
function busyForSec(response: IncomingMessage): number {
  if (response.statusCode !== 429 && response.statusCode !== 503) return 0;
  return parseRetryAfter(response.headers['retry-after'] ?? '');
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
