import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import { WharfError, type ErrorKind } from '../../shared/errors.js';
import { parseAuthChallenge } from './auth-challenge.js';
import { readBody } from './read-body.js';

const MAX_ERROR_BYTES = 64 * 1024;

/** An error answer of a registry. `code` is the protocol's, `MANIFEST_UNKNOWN`; '' when the answer had none. */
export class RegistryError extends WharfError {
  constructor(
    kind: ErrorKind,
    message: string,
    readonly code: string,
    readonly status: number,
  ) {
    super(kind, message);
  }

  /** Whether trying again may help. */
  get isTemporary(): boolean {
    return this.status >= 500 || this.status === 429 || this.status === 408;
  }
}

/** Reads an answer that is not the one hoped for and makes an error of it. */
export async function registryErrorOf(response: IncomingMessage): Promise<RegistryError> {
  const status = response.statusCode ?? 0;
  const body = (await readBody(response, MAX_ERROR_BYTES)).toString('utf8');
  const challenge = parseAuthChallenge(response.headers['www-authenticate'] ?? '');
  if (status === 401 && challenge?.parameters['error'] === 'insufficient_scope') {
    return make(status, 'DENIED', 'requested access to the resource is denied');
  }
  const first = firstError(body);
  if (first) return make(status, first.code, first.message);
  if (status === 401) return make(status, 'UNAUTHORIZED', 'authentication required');
  if (status === 404 && body === '') return make(status, 'NOT_FOUND', 'not found');
  if (body === '') {
    const text = `received unexpected HTTP status: ${status} ${STATUS_CODES[status] ?? ''}`.trim();
    return new RegistryError('internal', text, '', status);
  }
  const shown = JSON.stringify(body.slice(0, 512));
  return new RegistryError(kindOf(status, ''), `error parsing HTTP ${status} response body: ${shown}`, '', status);
}

function make(status: number, code: string, message: string): RegistryError {
  return new RegistryError(
    kindOf(status, code),
    `${code.toLowerCase().replaceAll('_', ' ')}: ${message}`,
    code,
    status,
  );
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
