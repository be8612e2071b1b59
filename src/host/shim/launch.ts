import { errorMessage, internal } from '../../shared/errors.js';
import { runBriefly } from '../sys/spawn.js';
import type { ShimOptions } from './shim-args.js';
import { shimArgs } from './shim-args.js';
import { ShimClient } from './shim-client.js';
import { assertSocketPath } from './socket-path.js';

/**
 * Starts a shim for a container or an exec and connects to it. Nothing runs yet: attach first, then `client.start()`. The
 * shim belongs to no process any more; a client that is closed before `start` leaves a shim that ends by itself within
 * half a minute (`client.quit()` ends it at once).
 *
 * Throws `invalid` for a socket path that is too long, `internal` with the shim's words when it can't run.
 */
export async function launchShim(options: ShimOptions): Promise<ShimClient> {
  assertSocketPath(options.socketPath);
  await runToReadiness(options.executable ?? options.binary, options.binary, shimArgs(options));
  return ShimClient.connect(options.socketPath);
}

/** The launched process ends with 0 as soon as its child listens, about a millisecond later. */
async function runToReadiness(executable: string, binary: string, args: readonly string[]): Promise<void> {
  let result;
  try {
    result = await runBriefly(executable, args, binary);
  } catch (error) {
    throw internal(`cannot run ${binary}: ${errorMessage(error)}`, error);
  }
  if (result.exitCode !== 0) throw internal(result.stderr.trim() || `${binary} ended with ${result.exitCode}`);
}
