import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupLimits, type CgroupLimits } from './cgroup-limits.js';
import type { CgroupLayout } from './cgroup-layout.js';

/** Which limits of a container the kernel can enforce here, each by itself. */
export interface ResourceSupport extends CgroupLimits {
  memoryReservation: boolean;
  memorySwappiness: boolean;
  kernelMemory: boolean;
  cpuRealtime: boolean;
  blkioWeight: boolean;
  blkioWeightDevice: boolean;
  blkioReadBps: boolean;
  blkioWriteBps: boolean;
  blkioReadIops: boolean;
  blkioWriteIops: boolean;
}

/** What only v1 has (swappiness, kernel memory, real-time scheduling) is false on v2. */
export function resourceSupport(layout: CgroupLayout): ResourceSupport {
  const limits = cgroupLimits(layout);
  if (layout.version === 2) {
    const io = layout.controllers.has('io');
    return {
      ...limits,
      memoryReservation: limits.memoryLimit,
      memorySwappiness: false,
      kernelMemory: false,
      cpuRealtime: false,
      blkioWeight: io,
      blkioWeightDevice: io,
      blkioReadBps: io,
      blkioWriteBps: io,
      blkioReadIops: io,
      blkioWriteIops: io,
    };
  }
  const file = (controller: string, ...names: string[]): boolean => {
    const mount = layout.controllerMounts.get(controller);
    return mount !== undefined && names.some((name) => existsSync(join(mount, name)));
  };
  return {
    ...limits,
    memoryReservation: file('memory', 'memory.soft_limit_in_bytes'),
    memorySwappiness: file('memory', 'memory.swappiness'),
    kernelMemory: file('memory', 'memory.kmem.limit_in_bytes'),
    cpuRealtime: file('cpu', 'cpu.rt_period_us'),
    blkioWeight: file('blkio', 'blkio.weight', 'blkio.bfq.weight'),
    blkioWeightDevice: file('blkio', 'blkio.weight_device', 'blkio.bfq.weight_device'),
    blkioReadBps: file('blkio', 'blkio.throttle.read_bps_device'),
    blkioWriteBps: file('blkio', 'blkio.throttle.write_bps_device'),
    blkioReadIops: file('blkio', 'blkio.throttle.read_iops_device'),
    blkioWriteIops: file('blkio', 'blkio.throttle.write_iops_device'),
  };
}
