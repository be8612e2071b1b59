import { statSync } from 'node:fs';
import { errorMessage, hasCode, invalid } from '../../shared/errors.js';
import { majorOf, minorOf } from './devices.js';
import type { RuntimeResources, ThrottleRule } from './runtime-spec.js';
import type { SpecResources } from './spec-input.js';

/** The period over which `nanoCpus` is granted, as Docker documents `--cpus`. */
const NANO_CPUS_PERIOD_US = 100_000;

/** Resource limits without the device rules; what `runtime update` takes as well. */
export function runtimeResources(resources: SpecResources): RuntimeResources {
  return {
    memory: memory(resources),
    ...optional('cpu', cpu(resources)),
    ...(resources.pidsLimit !== null && { pids: { limit: resources.pidsLimit > 0 ? resources.pidsLimit : -1 } }),
    blockIO: blockIo(resources),
  };
}

const optional = <K extends string, V extends object>(key: K, value: V): Partial<Record<K, V>> =>
  Object.keys(value).length > 0 ? ({ [key]: value } as Record<K, V>) : {};

function memory(r: SpecResources): NonNullable<RuntimeResources['memory']> {
  return {
    ...(r.memoryBytes > 0 && { limit: r.memoryBytes }),
    ...(r.memoryReservationBytes > 0 && { reservation: r.memoryReservationBytes }),
    ...(r.memorySwapBytes !== 0 ? { swap: r.memorySwapBytes } : r.memoryBytes > 0 ? { swap: r.memoryBytes * 2 } : {}),
    ...(r.memorySwappiness !== null && r.memorySwappiness >= 0 && { swappiness: r.memorySwappiness }),
    disableOOMKiller: r.oomKillDisable,
  };
}

function cpu(r: SpecResources): NonNullable<RuntimeResources['cpu']> {
  const fromNano = r.nanoCpus > 0;
  const period = fromNano ? NANO_CPUS_PERIOD_US : r.cpuPeriod;
  const quota = fromNano ? Math.trunc((r.nanoCpus * NANO_CPUS_PERIOD_US) / 1e9) : r.cpuQuota;
  return {
    ...(r.cpuShares > 0 && { shares: r.cpuShares }),
    ...(quota !== 0 && { quota }),
    ...(period > 0 && { period }),
    ...(r.cpuRealtimePeriod > 0 && { realtimePeriod: r.cpuRealtimePeriod }),
    ...(r.cpuRealtimeRuntime !== 0 && { realtimeRuntime: r.cpuRealtimeRuntime }),
    ...(r.cpusetCpus && { cpus: r.cpusetCpus }),
    ...(r.cpusetMems && { mems: r.cpusetMems }),
  };
}

function blockIo(r: SpecResources): NonNullable<RuntimeResources['blockIO']> {
  const throttle = (devices: SpecResources['blkioReadBps']): ThrottleRule[] =>
    devices.map(({ path, rate }) => ({ ...blockDevice(path), rate }));
  return {
    ...(r.blkioWeight > 0 && { weight: r.blkioWeight }),
    ...(r.blkioWeightDevice.length > 0 && {
      weightDevice: r.blkioWeightDevice.map(({ path, weight }) => ({ ...blockDevice(path), weight })),
    }),
    ...(r.blkioReadBps.length > 0 && { throttleReadBpsDevice: throttle(r.blkioReadBps) }),
    ...(r.blkioWriteBps.length > 0 && { throttleWriteBpsDevice: throttle(r.blkioWriteBps) }),
    ...(r.blkioReadIops.length > 0 && { throttleReadIOPSDevice: throttle(r.blkioReadIops) }),
    ...(r.blkioWriteIops.length > 0 && { throttleWriteIOPSDevice: throttle(r.blkioWriteIops) }),
  };
}

function blockDevice(path: string): { major: number; minor: number } {
  try {
    const { rdev } = statSync(path);
    return { major: majorOf(rdev), minor: minorOf(rdev) };
  } catch (error) {
    const why = hasCode(error, 'ENOENT') ? 'no such file or directory' : errorMessage(error);
    throw invalid(`stat ${path}: ${why}`, error);
  }
}
