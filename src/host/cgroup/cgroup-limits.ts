import { existsSync, readdirSync, readFileSync } from 'node:fs';
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

/** `procDir` is where the kernel tells about itself. */
export function cgroupLimits(layout: CgroupLayout, procDir = '/proc'): CgroupLimits {
  if (layout.version === 2) {
    const has = (controller: string): boolean => layout.controllers.has(controller);
    return {
      memoryLimit: has('memory'),
      swapLimit: has('memory') && swapAccountingV2(layout, procDir),
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

/** The root group has no `memory.swap.max`; any other with the memory controller has it when the kernel accounts for swap. */
function swapAccountingV2({ unifiedMount }: CgroupLayout, procDir: string): boolean {
  if (unifiedMount === null) return false;
  const directories = readdirSync(unifiedMount, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  const groups = ['.', ...directories.map((entry) => entry.name)];
  const has = (file: string): boolean => groups.some((group) => existsSync(join(unifiedMount, group, file)));
  if (has('memory.max')) return has('memory.swap.max');
  // Nobody uses the controller yet, so that the kernel itself has to be asked: without swap there is no such file.
  const commandLine = readFileSync(join(procDir, 'cmdline'), 'utf8');
  return existsSync(join(procDir, 'swaps')) && !/\bswapaccount=0\b/.test(commandLine);
}
