import { conflict, errorKind, errorMessage, WharfError } from '../../shared/errors.js';
import { runtimeResources } from '../../host/oci/resources.js';
import type { HostConfig, Resources } from './container-config.js';
import type { UpdateContainerRequest } from './container-service.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { holdContainer } from './hold-container.js';
import { validateRestartPolicy } from './restart-policy.js';
import { callRuntime } from './runtime-delete.js';
import { specResources } from './spec-request.js';
import { fitResources } from './validate-resources.js';

/** Changes resource limits (of a running container at once) and the restart policy. What the client did not send stays. */
export async function updateContainer(
  ctx: ContainersContext,
  ref: string,
  { resources, restartPolicy }: UpdateContainerRequest,
): Promise<{ warnings: string[] }> {
  using held = await holdContainer(ctx, ref);
  const { entry } = held;
  const before = entry.container.hostConfig;
  if (restartPolicy && restartPolicy.name !== '') {
    validateRestartPolicy(restartPolicy);
    if (before.autoRemove && restartPolicy.name !== 'no') {
      throw conflict(
        `Cannot update container ${entry.id}: Restart policy cannot be updated because AutoRemove is enabled for the container`,
      );
    }
  }
  const asked = onlyGiven(resources);
  const { resources: fitted, warnings } = fitResources({ ...emptyLike(before), ...asked }, ctx.capacity);
  const given = onlyGiven(Object.fromEntries(Object.keys(asked).map((key) => [key, fitted[key as keyof Resources]])));
  try {
    const after = merged(before, given, restartPolicy);
    if (entry.container.state.removalInProgress || entry.container.state.dead) {
      throw conflict('container is marked for removal and cannot be "update"');
    }
    if (isLive(entry) && Object.keys(given).length > 0) await applyLimits(ctx, entry, after);
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

/** Zero, empty and null are "not given" in an update, but for the limit of pids, where null alone is. */
function onlyGiven(resources: Partial<Resources>): Partial<Resources> {
  const entries = Object.entries(resources).filter(([key, value]) => {
    if (value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0))
      return false;
    return value !== 0 || key === 'pidsLimit';
  });
  return Object.fromEntries(entries);
}

/** The same resources with nothing set, to check a request by itself. */
function emptyLike(host: HostConfig): Resources {
  return {
    ...host,
    memoryBytes: 0,
    memorySwapBytes: 0,
    memoryReservationBytes: 0,
    memorySwappiness: null,
    nanoCpus: 0,
    cpuPeriod: 0,
    cpuQuota: 0,
    cpuShares: 0,
    cpusetCpus: '',
    cpusetMems: '',
    cpuPercent: 0,
    cpuRealtimePeriod: 0,
    cpuRealtimeRuntime: 0,
    blkioWeight: 0,
    blkioWeightDevice: [],
    blkioDeviceReadBps: [],
    blkioDeviceWriteBps: [],
    blkioDeviceReadIops: [],
    blkioDeviceWriteIops: [],
    oomKillDisable: false,
    pidsLimit: null,
    kernelMemoryBytes: 0,
  };
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
  if (
    given.memoryBytes &&
    !given.memorySwapBytes &&
    given.memoryBytes > before.memorySwapBytes &&
    before.memorySwapBytes > 0
  ) {
    throw conflict(
      'Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time',
    );
  }
  const after = { ...before, ...given };
  if (restartPolicy && restartPolicy.name !== '') after.restartPolicy = restartPolicy;
  return after;
}

async function applyLimits(ctx: ContainersContext, entry: ContainerEntry, after: HostConfig): Promise<void> {
  const resources = runtimeResources(specResources(after));
  await callRuntime(ctx, entry.container, ['update', '--resources', '-', entry.id], JSON.stringify(resources));
}
