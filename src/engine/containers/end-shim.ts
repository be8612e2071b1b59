import type { RunningShim } from './shim-port.js';

const SIGKILL = 9;

/** Kills the process of a shim, if it still runs, and has the runtime forget the container. Rejects as the shim's methods do. */
export async function endShim(shim: RunningShim): Promise<void> {
  if (shim.state === 'running') await shim.kill(SIGKILL);
  await shim.exited;
  await shim.delete();
  await shim.deleted;
}
