import type { CgroupSample } from '../../host/cgroup/cgroup-sample.js';
import { formatRfc3339Nano, ZERO_TIME } from '../../shared/rfc3339.js';

/** One look at a running container. */
export interface StatsSample {
  timeNs: bigint;
  cgroup: CgroupSample;
  /** All processors of the host together. */
  systemCpuNs: number;
  onlineCpus: number;
  hostMemoryBytes: number;
  /** By interface. */
  networks: Record<string, Record<string, number>>;
}

const NO_BLKIO = {
  io_service_bytes_recursive: null,
  io_serviced_recursive: null,
  io_queue_recursive: null,
  io_service_time_recursive: null,
  io_wait_time_recursive: null,
  io_merged_recursive: null,
  io_time_recursive: null,
  sectors_recursive: null,
};

const NO_CPU = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

/** What stats says of a container that does not run. */
export function emptyStats(name: string, id: string): object {
  return {
    name: `/${name}`,
    id,
    read: ZERO_TIME,
    preread: ZERO_TIME,
    pids_stats: {},
    blkio_stats: NO_BLKIO,
    num_procs: 0,
    storage_stats: {},
    cpu_stats: NO_CPU,
    precpu_stats: NO_CPU,
    memory_stats: {},
  };
}

/** How dockerd says "unlimited" on v2. A number would lose its last digits, so this is the only bigint. */
const UNLIMITED_PIDS = 2n ** 64n - 1n;

/** The object that the API sends, with the sample before it (null: none yet) to compute a load from. Source: dockerd 28.5. */
export function statsObject(name: string, id: string, now: StatsSample, before: StatsSample | null): object {
  const { cgroup } = now;
  const isV1 = cgroup.cpuPerProcessorNs !== null;
  return {
    name: `/${name}`,
    id,
    read: formatRfc3339Nano(now.timeNs),
    preread: before ? formatRfc3339Nano(before.timeNs) : ZERO_TIME,
    pids_stats: {
      ...(cgroup.pids !== null && { current: cgroup.pids }),
      ...pidsLimit(cgroup),
    },
    blkio_stats: isV1
      ? {
          io_service_bytes_recursive: cgroup.ioBytes,
          io_serviced_recursive: cgroup.ioOperations,
          io_queue_recursive: [],
          io_service_time_recursive: [],
          io_wait_time_recursive: [],
          io_merged_recursive: [],
          io_time_recursive: [],
          sectors_recursive: [],
        }
      : { ...NO_BLKIO, io_service_bytes_recursive: cgroup.ioBytes.length > 0 ? cgroup.ioBytes : null },
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuStats(now),
    precpu_stats: before ? cpuStats(before) : NO_CPU,
    memory_stats: memoryStats(now),
    ...(Object.keys(now.networks).length > 0 && { networks: now.networks }),
  };
}

/** v1 leaves out what is unlimited. */
function pidsLimit({ pids, pidsLimit, cpuPerProcessorNs }: CgroupSample): object {
  if (pidsLimit !== null) return { limit: pidsLimit };
  return pids !== null && cpuPerProcessorNs === null ? { limit: UNLIMITED_PIDS } : {};
}

function cpuStats({ cgroup, systemCpuNs, onlineCpus }: StatsSample): object {
  return {
    cpu_usage: {
      total_usage: cgroup.cpuTotalNs,
      ...(cgroup.cpuPerProcessorNs && { percpu_usage: cgroup.cpuPerProcessorNs }),
      usage_in_kernelmode: cgroup.cpuKernelNs,
      usage_in_usermode: cgroup.cpuUserNs,
    },
    system_cpu_usage: systemCpuNs,
    online_cpus: onlineCpus,
    throttling_data: {
      periods: cgroup.periods,
      throttled_periods: cgroup.throttledPeriods,
      throttled_time: cgroup.throttledNs,
    },
  };
}

function memoryStats({ cgroup, hostMemoryBytes }: StatsSample): object {
  const limit = Math.min(cgroup.memoryLimitBytes ?? hostMemoryBytes, hostMemoryBytes);
  return {
    usage: cgroup.memoryUsageBytes,
    ...(cgroup.memoryMaxUsageBytes !== null && { max_usage: cgroup.memoryMaxUsageBytes }),
    stats: cgroup.memoryStat,
    ...(cgroup.memoryFailures > 0 && { failcnt: cgroup.memoryFailures }),
    limit,
  };
}
