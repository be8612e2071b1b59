import { isDeepStrictEqual } from 'node:util';
import { conflict } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { holdContainer } from './hold-container.js';
import { launchContainer } from './launch.js';
import { startRefusal } from './state-machine.js';
import { configChecks, validateHostConfig } from './validate-config.js';

/** Starts a container by a client's wish. Throws not-modified when it runs or is about to be restarted. */
export async function startContainer(ctx: ContainersContext, ref: string): Promise<void> {
  const entry = ctx.registry.find(ref);
  try {
    using _held = await holdContainer(ctx, entry.id);
    const refusal = startRefusal(entry.container.state);
    if (refusal) throw refusal;
    checkAgain(ctx, entry);
    await launchByHand(ctx, entry);
  } catch (error) {
    await discardIfFailed(ctx, entry);
    throw error;
  }
}

/** What was right at the create may be wrong since an update, or on another host; limits that this kernel does not know are dropped. */
function checkAgain(ctx: ContainersContext, entry: ContainerEntry): void {
  const before = entry.container.hostConfig;
  const { hostConfig, warnings } = validateHostConfig(before, configChecks(ctx));
  if (warnings.length === 0 || isDeepStrictEqual(hostConfig, before)) return;
  ctx.deps.log.warn({ container: entry.id, warnings }, 'a container is started without some of what it asks for');
  ctx.registry.save(entry, { hostConfig });
}

/** A start by a client's wish, which makes the restart policy begin anew. The caller holds the lock. */
export async function launchByHand(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  if (ctx.stopping) throw conflict('the daemon is shutting down');
  entry.exitOnNext = false;
  entry.restartDelayMs = 0;
  await launchContainer(ctx, entry);
  if (entry.container.restartCount > 0) ctx.registry.saveState(entry, { restartCount: 0 });
}

/** An auto-remove container whose start has failed goes; the caller does not hold the lock. */
export async function discardIfFailed(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  const { state, hostConfig } = entry.container;
  if (hostConfig.autoRemove && state.error !== '' && !state.running) await ctx.discard(entry);
}
