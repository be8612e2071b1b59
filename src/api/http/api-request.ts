import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Static, TSchema } from 'typebox';
import type { Engine } from '../../engine/engine.js';
import type { Logger } from '../../shared/logger.js';
import { applyGates } from '../compat/apply-gates.js';
import type { ApiVersion } from './api-version.js';
import type { LongLivedRequests } from './client-signal.js';
import { clientSignal, NEVER_ABORTED } from './client-signal.js';
import { decodeJson } from './decode-json.js';
import { detachedConnection } from './detached-connection.js';
import type { ResolvedPath } from './path-resolver.js';
import { Query } from './query.js';
import { RequestBodyStream } from './request-body-stream.js';
import { contentLength, readJsonBody } from './request-body.js';
import type { ApiRequest, RouteDefinition, ServerFacts } from './route.js';
import { UploadStream } from './upload-stream.js';

/** What all requests share. */
export interface RequestContext {
  readonly engine: Engine;
  readonly log: Logger;
  readonly server: ServerFacts;
  readonly longLived: LongLivedRequests;
}

/** An ApiRequest on top of Node's request; decodes only what the handler asks for. */
export class RoutedRequest implements ApiRequest {
  readonly version: ApiVersion;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly raw: { readonly request: IncomingMessage; readonly response: ServerResponse };
  private readonly route: RouteDefinition;
  private lazySignal: AbortSignal | null = null;

  constructor(
    private readonly context: RequestContext,
    resolved: ResolvedPath,
    request: IncomingMessage,
    response: ServerResponse,
  ) {
    this.route = resolved.route;
    this.version = resolved.version;
    this.params = resolved.params;
    this.query = new Query(resolved.search);
    this.raw = { request, response };
  }

  get engine(): Engine {
    return this.context.engine;
  }

  get log(): Logger {
    return this.context.log;
  }

  get server(): ServerFacts {
    return this.context.server;
  }

  get headers(): IncomingHttpHeaders {
    return this.raw.request.headers;
  }

  get contentLength(): number | null {
    return contentLength(this.raw.request);
  }

  get signal(): AbortSignal {
    if (this.route.cancelled === 'detached') return NEVER_ABORTED;
    const longLived = this.route.longLived ? this.context.longLived : null;
    return (this.lazySignal ??= clientSignal(this.raw.response, longLived));
  }

  async jsonBody<S extends TSchema>(schema: S): Promise<Static<S>> {
    return this.decode(schema, await readJsonBody(this.raw.request));
  }

  async optionalJsonBody<S extends TSchema>(schema: S): Promise<Static<S> | null> {
    const value = await readJsonBody(this.raw.request);
    return value === undefined || value === null ? null : this.decode(schema, value);
  }

  bodyStream(): Readable {
    const { request } = this.raw;
    const detached = detachedConnection(request);
    return detached ? new UploadStream(detached) : new RequestBodyStream(request);
  }

  private decode<S extends TSchema>(schema: S, value: unknown): Static<S> {
    if (this.route.requestGates) applyGates(this.route.requestGates, this.version, value);
    return decodeJson(schema, value);
  }
}
