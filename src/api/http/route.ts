import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { Static, TSchema } from 'typebox';
import type { Engine } from '../../engine/engine.js';
import type { Logger } from '../../shared/logger.js';
import type { VersionGate } from '../compat/version-gate.js';
import type { ApiVersion } from './api-version.js';
import type { Query } from './query.js';
import type { ApiReply, QuickReply, TextReply } from './reply.js';

/** What a handler is given: the request, decoded as far as it asks for it. */
export interface ApiRequest {
  readonly engine: Engine;
  /** What the client asked for; the newest served when the path has no prefix. */
  readonly version: ApiVersion;
  /** Path parameters, decoded; a container's name may begin with a slash, an image's contain some. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly headers: IncomingHttpHeaders;
  /**
   * `with-client` routes: aborted when the client goes away before the answer is complete, or the daemon shuts down.
   * `detached` routes: never aborted.
   */
  readonly signal: AbortSignal;
  readonly log: Logger;
  /** The server's own facts for `_ping`, `version` and `info`. */
  readonly server: ServerFacts;
  /**
   * The JSON body by its schema: keys matched as Go does (case-insensitive), nulls dropped, unknown keys ignored; `{}`
   * when the body is empty. Throws invalid with dockerd's words on a wrong content type, malformed JSON or a wrong type.
   */
  jsonBody<S extends TSchema>(schema: S): Promise<Static<S>>;
  /** As `jsonBody`, but null when the body is empty. */
  optionalJsonBody<S extends TSchema>(schema: S): Promise<Static<S> | null>;
  /**
   * The body as it arrives (tar uploads). The caller consumes or destroys it; the connection survives that, so that an
   * error can be answered. Destroyed with a cancelled error when the client goes away. Call it once.
   */
  bodyStream(): Readable;
  /** The length that the client announced; null for none or a chunked body. */
  readonly contentLength: number | null;
  /** For hijack, progress and flushed streams only. */
  readonly raw: { readonly request: IncomingMessage; readonly response: ServerResponse };
}

export interface ServerFacts {
  /** `Docker/<version> (linux)` uses it. */
  readonly version: string;
  readonly experimental: boolean;
  /** What `_ping` names as `Builder-Version`: `1` sends clients to the classic builder, `2` to BuildKit. */
  readonly builderVersion: '1' | '2';
}

export type RouteMethod = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

/**
 * One operation as data. Handlers throw WharfErrors; `http/error-status.ts` makes HTTP of them.
 *
 *     { method: 'GET', path: '/containers/{id}/json', since: '1.24', cancelled: 'detached', handler: inspectContainer }
 */
export interface RouteDefinition {
  readonly method: RouteMethod;
  /** As in the OpenAPI file. A parameter in the middle or at the end takes slashes too. */
  readonly path: string;
  /** First version with it; an older client gets 404 `page not found`. */
  readonly since: `${number}.${number}`;
  /**
   * Also served to clients older than any that are served otherwise, from this version on: it has been the same since. Some tools
   * (skopeo's `docker-daemon:`) never ask for another version.
   */
  readonly alsoOlderSince?: `${number}.${number}`;
  /** Last version with it; absent: all. */
  readonly until?: `${number}.${number}`;
  /** Whether the work is stopped when the client goes away. */
  readonly cancelled: 'with-client' | 'detached';
  /** Calls `hijack`: the connection is taken from the HTTP parser as soon as the request's head has been read. */
  readonly hijacks?: true;
  /**
   * Takes large bodies: the connection of a request that has one is taken from the HTTP parser, so that a worker thread can read
   * the body off the socket itself, and is closed after the answer.
   */
  readonly uploads?: true;
  /** Errors go out as plain text of the raw-stream type, as dockerd's attach sends them. */
  readonly plainErrors?: true;
  /** May live as long as the client likes (events, logs, wait): ended, not awaited, at shutdown. */
  readonly longLived?: true;
  /** What older or newer clients see differently in a JSON answer. */
  readonly responseGates?: readonly VersionGate[];
  /** What is dropped from an older client's JSON body before it is decoded. */
  readonly requestGates?: readonly VersionGate[];
  /**
   * The answer, where it is the same for every client: it is written to the connection itself if nothing about the request is special.
   * `handler` gives the same.
   */
  readonly fixedReply?: (server: ServerFacts) => TextReply;
  /**
   * The answer, where it can be read from memory; null where this request needs more. It is written as a `fixedReply` is. `handler` gives
   * the same, and answers where this gives null or throws.
   */
  readonly quickReply?: (request: QuickRequest) => QuickReply | null;
  readonly handler: RouteHandler;
}

/** What is known of a request by its first line. */
export type QuickRequest = Pick<ApiRequest, 'engine' | 'version' | 'params' | 'query'>;

export type RouteHandler = (request: ApiRequest) => Promise<ApiReply | null> | ApiReply | null;
