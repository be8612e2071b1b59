/**
 * The closed set of ways in which an operation can fail. The API turns a kind into an HTTP status in one table
 * (`api/http/error-status.ts`); nothing else in the program knows about HTTP codes.
 */
export type ErrorKind =
  | 'not-found'
  | 'invalid'
  | 'conflict'
  | 'unauthorized'
  | 'forbidden'
  | 'not-modified'
  | 'not-implemented'
  | 'unavailable'
  | 'cancelled'
  | 'internal';

/**
 * The one error class. `message` reaches the client as it is, and clients match on dockerd's words, so it is written as
 * dockerd writes it.
 */
export class WharfError extends Error {
  override readonly name = 'WharfError';

  constructor(
    readonly kind: ErrorKind,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

const make =
  (kind: ErrorKind) =>
  (message: string, cause?: unknown): WharfError =>
    new WharfError(kind, message, cause === undefined ? undefined : { cause });

export const notFound = make('not-found');
export const invalid = make('invalid');
export const conflict = make('conflict');
export const unauthorized = make('unauthorized');
export const forbidden = make('forbidden');
export const notModified = make('not-modified');
export const notImplemented = make('not-implemented');
export const unavailable = make('unavailable');
export const cancelled = make('cancelled');
export const internal = make('internal');

/** The kind of any thrown value: that of a WharfError, 'cancelled' for an AbortError, else 'internal'. */
export function errorKind(error: unknown): ErrorKind {
  if (error instanceof WharfError) return error.kind;
  if (error instanceof Error && error.name === 'AbortError') return 'cancelled';
  return 'internal';
}

/** The message of any thrown value. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether a thrown value is a system error with one of these codes (`ENOENT`, …). */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code);
}
