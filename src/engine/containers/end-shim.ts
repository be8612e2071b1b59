import type { RunningShim } from './shim-port.js';
import { within } from './within.js';

const SIGKILL = 9;
/** How long a shim may take to answer; one that is stopped or hangs is left to itself. */
export const ANSWER_WAIT_MS = 2000;
/** How long its runtime may take to delete a container that was created ahead of its start. */
const DELETE_WAIT_MS = 30_000;

/** Kills the process of a shim, if it still runs, and has the runtime forget the container. Rejects as the shim's methods do. */
export async function endShim(shim: RunningShim): Promise<void> {
  if (shim.state === 'running') await shim.kill(SIGKILL);
  await shim.exited;
  await shim.delete();
  await shim.deleted;
}

/**
 * Lets a shim leave of which nothing was started, and waits until it has: what its runtime has created is gone then. Rejects with
 * `unavailable` when it had left already, `conflict` when something runs.
 */
export async function quitShim(shim: RunningShim): Promise<void> {
  if (!(await within(shim.quit(), ANSWER_WAIT_MS))) return;
  // It tells nothing any more, so this ends with its connection.
  await within(
    shim.exited.catch(() => undefined),
    DELETE_WAIT_MS,
  );
}
