import type { Readable } from 'node:stream';

/**
 * What a handler answers. `null` from a handler means that it has taken the response over (progress, hijack, flushed
 * stream) and that nothing is left to send.
 */
export type ApiReply =
  | { kind: 'json'; status: number; body: unknown; headers?: ReplyHeaders }
  | { kind: 'json-of'; status: 200; subject: object; make: () => unknown; headers?: undefined }
  | { kind: 'text'; status: number; text: string; contentType: string; headers?: ReplyHeaders }
  | { kind: 'empty'; status: number; headers?: ReplyHeaders }
  | { kind: 'stream'; status: number; stream: Readable; contentType: string; headers?: ReplyHeaders };

export type TextReply = Extract<ApiReply, { kind: 'text' }>;

/** JSON, or JSON as text, with status 200. */
export type QuickReply = Extract<ApiReply, { kind: 'json' | 'json-of' | 'text' }>;

export type ReplyHeaders = Record<string, string>;

/** A JSON answer. The route's response gates for the client's version are applied to `body`, which they may change. */
export function json(body: unknown, status = 200, headers?: ReplyHeaders): Extract<ApiReply, { kind: 'json' }> {
  return { kind: 'json', status, body, headers };
}

/**
 * The JSON of an object that is replaced and never changed. `make` makes of nothing else what `json` would be given: the text is kept with the
 * object, as the last client's version sees it.
 */
export function jsonOf(subject: object, make: () => unknown): Extract<ApiReply, { kind: 'json-of' }> {
  return { kind: 'json-of', status: 200, subject, make };
}

/** Text that goes out as it is, JSON that was already serialised included. */
export function text(content: string, contentType: string, status = 200, headers?: ReplyHeaders): TextReply {
  return { kind: 'text', status, text: content, contentType, headers };
}

/** 204, or another status without a body (200 for exec resize, 201 for tag). */
export function empty(status = 204, headers?: ReplyHeaders): ApiReply {
  return { kind: 'empty', status, headers };
}

/** Bytes of unknown length (tar): chunked, headers are flushed at once, a failing source cuts the connection. */
export function stream(source: Readable, contentType: string, headers?: ReplyHeaders): ApiReply {
  return { kind: 'stream', status: 200, stream: source, contentType, headers };
}
