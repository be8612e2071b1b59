import type { ErrorKind } from '../../shared/errors.js';
import { errorKind } from '../../shared/errors.js';

const STATUS_OF_KIND: Record<ErrorKind, number> = {
  'not-found': 404,
  invalid: 400,
  conflict: 409,
  unauthorized: 401,
  forbidden: 403,
  'not-modified': 304,
  'not-implemented': 501,
  unavailable: 503,
  cancelled: 499,
  internal: 500,
};

/** The HTTP status of any thrown value. */
export function errorStatus(error: unknown): number {
  return STATUS_OF_KIND[errorKind(error)];
}
