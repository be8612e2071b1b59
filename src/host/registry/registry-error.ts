import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import { WharfError, type ErrorKind } from '../../shared/errors.js';
import { parseAuthChallenge } from './auth-challenge.js';
import { readBody } from './read-body.js';

export const MAX_ERROR_BYTES = 64 * 1024;

/** An answer that is not the one hoped for, read to its end. Plain data. */
export interface Refusal {
  status: number;
  /** The WWW-Authenticate header; '' for none. */
  authenticate: string;
  /** The Retry-After header; '' for none. */
  retryAfter: string;
  body: string;
}

/** An error answer of a registry. `code` is the protocol's, `MANIFEST_UNKNOWN`; '' when the answer had none. */
export class RegistryError extends WharfError {
  constructor(
    kind: ErrorKind,
    message: string,
    readonly code: string,
    readonly status: number,
    /** How long the registry asks us to wait; 0: it does not say. */
    readonly retryAfterSec = 0,
  ) {
    super(kind, message);
  }

  /** Makes an error of an answer that was read. */
  static of(refusal: Refusal): RegistryError {
    const { kind, message, code } = describe(refusal);
    return new RegistryError(kind, message, code, refusal.status, parseRetryAfter(refusal.retryAfter));
  }

  /** Whether trying again may help. */
  get isTemporary(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

/** Reads an answer that is not the one hoped for. */
export async function readRefusal(response: IncomingMessage): Promise<Refusal> {
  const { 'www-authenticate': authenticate = '', 'retry-after': retryAfter = '' } = response.headers;
  const body = (await readBody(response, MAX_ERROR_BYTES)).toString('utf8');
  return { status: response.statusCode ?? 0, authenticate, retryAfter, body };
}

/** Reads an answer that is not the one hoped for and makes an error of it. */
export async function registryErrorOf(response: IncomingMessage): Promise<RegistryError> {
  return RegistryError.of(await readRefusal(response));
}

/** Seconds of a Retry-After header, which has a number or a date. 0: there is none. */
export function parseRetryAfter(header: string): number {
  if (/^\d+$/.test(header)) return Number(header);
  const time = Date.parse(header);
  return Number.isNaN(time) ? 0 : Math.max(0, Math.ceil((time - Date.now()) / 1000));
}

interface Described {
  kind: ErrorKind;
  message: string;
  code: string;
}

function describe({ status, authenticate, body }: Refusal): Described {
  const challenge = parseAuthChallenge(authenticate);
  if (status === 401 && challenge?.parameters['error'] === 'insufficient_scope') {
    return make(status, 'DENIED', 'requested access to the resource is denied');
  }
  const first = firstError(body);
  if (first) return make(status, first.code, first.message);
  if (status === 401) return make(status, 'UNAUTHORIZED', 'authentication required');
  if (status === 429) return make(status, 'TOOMANYREQUESTS', body.slice(0, 512) || 'too many requests');
  if (status === 404 && body === '') return make(status, 'NOT_FOUND', 'not found');
  if (body === '') {
    const message = `received unexpected HTTP status: ${status} ${STATUS_CODES[status] ?? ''}`.trim();
    return { kind: 'internal', message, code: '' };
  }
  const message = `error parsing HTTP ${status} response body: ${JSON.stringify(body.slice(0, 512))}`;
  return { kind: kindOf(status, ''), message, code: '' };
}

function make(status: number, code: string, message: string): Described {
  return { kind: kindOf(status, code), message: `${code.toLowerCase().replaceAll('_', ' ')}: ${message}`, code };
}

function kindOf(status: number, code: string): ErrorKind {
  if (code === 'DENIED' || code === 'NAME_UNKNOWN' || code === 'MANIFEST_UNKNOWN' || code === 'BLOB_UNKNOWN') {
    return 'not-found';
  }
  if (code === 'UNAUTHORIZED' || status === 401) return 'unauthorized';
  if (status === 404) return 'not-found';
  return status === 403 ? 'forbidden' : 'internal';
}

function firstError(body: string): { code: string; message: string } | null {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof json !== 'object' || json === null) return null;
  if ('errors' in json && Array.isArray(json.errors)) {
    const first = json.errors[0] as unknown;
    if (typeof first === 'object' && first !== null) {
      const code = 'code' in first && typeof first.code === 'string' ? first.code : 'UNKNOWN';
      const message = 'message' in first && typeof first.message === 'string' ? first.message : 'unknown error';
      return { code, message };
    }
  }
  // Token servers and some proxies answer {"details": "…"} or {"message": "…"}.
  for (const name of ['details', 'message', 'error'] as const) {
    const value: unknown = name in json ? (json as Record<string, unknown>)[name] : undefined;
    if (typeof value === 'string') return { code: 'UNKNOWN', message: value };
  }
  return null;
}
