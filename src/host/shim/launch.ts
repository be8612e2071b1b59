import { spawn } from 'node:child_process';
import { internal } from '../../shared/errors.js';
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
  await runToReadiness(options.binary, shimArgs(options));
  return ShimClient.connect(options.socketPath);
}

/** The launched process ends with 0 as soon as its child listens. */
function runToReadiness(binary: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    // stderr is a pipe for the sake of the message only; the shim itself has let go of it when the launcher ends
    const launcher = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let complaint = '';
    launcher.stderr.setEncoding('utf8').on('data', (chunk: string) => (complaint += chunk));
    launcher.once('error', (error) => reject(internal(`cannot run ${binary}: ${error.message}`, error)));
    launcher.once('exit', (code) => {
      if (code === 0) resolve();
    });
    launcher.once('close', (code) => reject(internal(complaint.trim() || `${binary} ended with ${code}`)));
  });
}
