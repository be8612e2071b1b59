import type { Draft } from '../../shared/draft.js';
import { conflict, errorKind, errorMessage, WharfError } from '../../shared/errors.js';
import type { HostConfig, Resources } from './container-config.js';
import type { UpdateContainerRequest } from './container-service.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { holdContainer } from './hold-container.js';
import { NO_RESOURCES } from './no-resources.js';
import { validateRestartPolicy } from './restart-policy.js';
import { applyLimits } from './update-limits.js';
import { fitResources, validateCpuNumbers } from './validate-resources.js';

/** Changes resource limits (of a running container at once) and the restart policy. What the client did not send stays. */
export async function updateContainer(
  ctx: ContainersContext,
  ref: string,
  { resources, restartPolicy }: UpdateContainerRequest,
): Promise<{ warnings: string[] }> {
  // A request that is wrong by itself is refused before anybody looks whether there is such a container.
  if (restartPolicy && restartPolicy.name !== '') validateRestartPolicy(restartPolicy);
  const asked = updatable(resources);
  const { memorySwappiness = null, oomKillDisable = false } = resources;
  const checked = { ...NO_RESOURCES, ...asked, memorySwappiness, oomKillDisable };
  validateCpuNumbers(checked, ctx.capacity.supports);
  const { resources: fitted, warnings } = fitResources(checked, ctx.capacity, { isUpdate: true });
  const given = granted(asked, fitted);
  using held = await holdContainer(ctx, ref);
  const { entry } = held;
  const before = entry.container.hostConfig;
  try {
    if (entry.container.state.removalInProgress || entry.container.state.dead) {
      throw conflict('container is marked for removal and cannot be "update"');
    }
    const after = merged(before, given, restartPolicy);
    if (isLive(entry) && Object.keys(given).length > 0) await applyLimits(ctx, entry, before, after);
    ctx.registry.save(entry, { hostConfig: after });
  } catch (error) {
    throw new WharfError(errorKind(error), `Cannot update container ${entry.id}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  emitContainerEvent(ctx, entry, 'update');
  return { warnings };
}

function isLive({ container: { state } }: ContainerEntry): boolean {
  return state.running && !state.restarting;
}

const UPDATABLE = [
  'memoryBytes',
  'memorySwapBytes',
  'memoryReservationBytes',
  'kernelMemoryBytes',
  'nanoCpus',
  'cpuShares',
  'cpuPeriod',
  'cpuQuota',
  'cpuRealtimePeriod',
  'cpuRealtimeRuntime',
  'cpusetCpus',
  'cpusetMems',
  'pidsLimit',
  'blkioWeight',
  'blkioWeightDevice',
  'blkioDeviceReadBps',
  'blkioDeviceWriteBps',
  'blkioDeviceReadIops',
  'blkioDeviceWriteIops',
] as const satisfies (keyof Resources)[];

/** What can be changed of what was given; a request may have all of the resources, and dockerd takes no notice of the others. */
function updatable(given: Partial<Resources>): Partial<Resources> {
  const keys = UPDATABLE.filter((key) => given[key] !== undefined && given[key] !== null);
  const picked: Partial<Draft<Resources>> = Object.fromEntries(keys.map((key) => [key, given[key]]));
  // Every way to say "unlimited" is kept as 0.
  if (picked.pidsLimit !== undefined) picked.pidsLimit = Math.max(0, picked.pidsLimit ?? 0);
  return picked;
}

/** What was asked for without that which had to be dropped. */
function granted(asked: Partial<Resources>, fitted: Resources): Partial<Resources> {
  const keys = UPDATABLE.filter((key) => key in asked && (fitted[key] === asked[key] || Boolean(fitted[key])));
  return Object.fromEntries(keys.map((key) => [key, fitted[key]]));
}

function merged(
  before: HostConfig,
  given: Partial<Resources>,
  restartPolicy: UpdateContainerRequest['restartPolicy'],
): HostConfig {
  if (given.cpuPeriod && before.nanoCpus) {
    throw conflict('Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set');
  }
  if (given.cpuQuota && before.nanoCpus) {
    throw conflict('Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set');
  }
  if (given.nanoCpus && before.cpuPeriod) {
    throw conflict('Conflicting options: Nano CPUs cannot be updated as CPU Period has already been set');
  }
  if (given.nanoCpus && before.cpuQuota) {
    throw conflict('Conflicting options: Nano CPUs cannot be updated as CPU Quota has already been set');
  }
  // Whatever the limit of swap is: none (0) and no limit (-1) are below any other too. Source: dockerd 28.5.
  if (given.memoryBytes && !given.memorySwapBytes && given.memoryBytes > before.memorySwapBytes) {
    throw conflict(
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    );
  }
  const after = { ...before, ...given };
  if (restartPolicy && restartPolicy.name !== '') {
    if (before.autoRemove && restartPolicy.name !== 'no') {
      throw conflict('Restart policy cannot be updated because AutoRemove is enabled for the container');
    }
    after.restartPolicy = restartPolicy;
  }
  return after;
}
