import { runtimeResources } from '../../host/oci/resources.js';
import type { RuntimeResources } from '../../host/oci/runtime-spec.js';
import type { HostConfig, Resources } from './container-config.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { callRuntime } from './runtime-delete.js';
import { specResources } from './spec-request.js';
import type { HostCapacity } from './validate-resources.js';

/** The kernel's own values, which a limit that is taken away falls back to. Source: kernel Documentation/admin-guide/cgroup-v1. */
const DEFAULT_CPU_SHARES = 1024;
const DEFAULT_CPU_PERIOD_US = 100_000;
const UNLIMITED = -1;

const THROTTLES = [
  'blkioDeviceReadBps',
  'blkioDeviceWriteBps',
  'blkioDeviceReadIops',
  'blkioDeviceWriteIops',
] as const satisfies (keyof Resources)[];

/**
 * Gives a running container the limits of `after`. When the kernel refuses one of them, those that were set already are set back
 * to what `before` says, and it rejects with internal and the runtime's words.
 */
export async function applyLimits(
  ctx: ContainersContext,
  entry: ContainerEntry,
  before: HostConfig,
  after: HostConfig,
): Promise<void> {
  const wanted = runtimeResources(specResources({ ...liftedThrottles(before, after), ...NOT_WHILE_RUNNING }));
  try {
    await updateRuntime(ctx, entry, wanted);
  } catch (error) {
    await updateRuntime(ctx, entry, limitsOf(before, ctx.capacity)).catch((err: unknown) =>
      ctx.deps.log.warn({ err, container: entry.id }, 'cannot set back the limits of a container'),
    );
    throw error;
  }
}

/** dockerd keeps these for the next start. */
const NOT_WHILE_RUNNING = { cpuRealtimePeriod: 0, cpuRealtimeRuntime: 0 };

async function updateRuntime(
  ctx: ContainersContext,
  entry: ContainerEntry,
  resources: RuntimeResources,
): Promise<void> {
  await callRuntime(ctx, entry.container, ['update', '--resources', '-', entry.id], JSON.stringify(resources));
}

/** A device that is no longer in a list is throttled until its rate is set to 0. */
function liftedThrottles(before: HostConfig, after: HostConfig): HostConfig {
  const lifted = THROTTLES.map((key) => {
    const gone = before[key].filter(({ path }) => !after[key].some((one) => one.path === path));
    return [key, [...after[key], ...gone.map(({ path }) => ({ path, rate: 0 }))]] as const;
  });
  return { ...after, ...Object.fromEntries(lifted) };
}

/** Everything that an update may have changed, with what has no limit said too. */
export function limitsOf(host: HostConfig, capacity: HostCapacity): RuntimeResources {
  const { memory, cpu, pids, ...rest } = runtimeResources(specResources(host));
  return {
    ...rest,
    memory: { limit: UNLIMITED, swap: UNLIMITED, reservation: UNLIMITED, ...memory },
    cpu: {
      shares: DEFAULT_CPU_SHARES,
      period: DEFAULT_CPU_PERIOD_US,
      quota: UNLIMITED,
      cpus: everyOf(capacity.cpus),
      mems: everyOf(capacity.memoryNodes),
      ...cpu,
    },
    pids: { limit: UNLIMITED, ...pids },
  };
}

const everyOf = (count: number): string => (count > 1 ? `0-${count - 1}` : '0');
