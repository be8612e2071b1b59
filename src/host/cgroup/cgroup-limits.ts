import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupLayout } from './cgroup-layout.js';

/** Which limits the kernel can enforce here, as `info` tells. */
export interface CgroupLimits {
  memoryLimit: boolean;
  swapLimit: boolean;
  oomKillDisable: boolean;
  cpuCfsPeriod: boolean;
  cpuCfsQuota: boolean;
  cpuShares: boolean;
  cpuSet: boolean;
  pidsLimit: boolean;
}

export function cgroupLimits(layout: CgroupLayout): CgroupLimits {
  if (layout.version === 2) {
    const has = (controller: string): boolean => layout.controllers.has(controller);
    return {
      memoryLimit: has('memory'),
      swapLimit: has('memory') && swapAccountingV2(layout),
      // v2 has no such switch.
      oomKillDisable: false,
      cpuCfsPeriod: has('cpu'),
      cpuCfsQuota: has('cpu'),
      cpuShares: has('cpu'),
      cpuSet: has('cpuset'),
      pidsLimit: has('pids'),
    };
  }
  const file = (controller: string, name: string): boolean =>
    existsSync(join(layout.controllerMounts.get(controller) ?? '/nonexistent', name));
  return {
    memoryLimit: file('memory', 'memory.limit_in_bytes'),
    swapLimit: file('memory', 'memory.memsw.limit_in_bytes'),
    oomKillDisable: file('memory', 'memory.oom_control'),
    cpuCfsPeriod: file('cpu', 'cpu.cfs_period_us'),
    cpuCfsQuota: file('cpu', 'cpu.cfs_quota_us'),
    cpuShares: file('cpu', 'cpu.shares'),
    cpuSet: layout.controllers.has('cpuset'),
    pidsLimit: layout.controllers.has('pids'),
  };
}

/** The root group has no `memory.swap.max`; those that systemd makes have it when the kernel accounts for swap. */
function swapAccountingV2({ unifiedMount }: CgroupLayout): boolean {
  if (unifiedMount === null) return false;
  const groups = ['init.scope', 'system.slice', 'docker', '.'];
  return groups.some((group) => existsSync(join(unifiedMount, group, 'memory.swap.max')));
}
