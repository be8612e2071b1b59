import { invalid } from '../../shared/errors.js';
import { CONSOLE_SOCKET_SUFFIX, SOCKET_PATH_MAX_BYTES } from './protocol.js';

/** Throws `invalid` when a path, or the console socket's beside it, does not fit into a unix socket address. */
export function assertSocketPath(path: string): void {
  const limitBytes = SOCKET_PATH_MAX_BYTES - CONSOLE_SOCKET_SUFFIX.length;
  const sizeBytes = Buffer.byteLength(path);
  if (sizeBytes <= limitBytes) return;
  throw invalid(`the path of the shim's socket is ${sizeBytes} bytes long, at most ${limitBytes} are possible: ${path}`);
}
