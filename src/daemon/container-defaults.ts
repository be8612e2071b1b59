import { readFileSync } from 'node:fs';
import type { DaemonConfig } from '../config/options.js';
import type { ContainerDefaults } from '../engine/containers/containers-deps.js';
import type { CgroupLayout } from '../host/cgroup/cgroup-layout.js';
import { errorMessage } from '../shared/errors.js';
import { cgroupDriver, cgroupnsMode, findInit } from './system-settings.js';

/** What containers get that don't ask for it. Throws when the seccomp profile can't be read. */
export function containerDefaults(config: DaemonConfig, cgroups: CgroupLayout): ContainerDefaults {
  return {
    runtime: config.defaultRuntime,
    logDriver: config.logDriver,
    logOptions: config.logOpts,
    shmSizeBytes: config.defaultShmSize,
    ipcMode: config.defaultIpcMode === '' ? 'private' : config.defaultIpcMode,
    cgroupnsMode: cgroupnsMode(config, cgroups),
    cgroupParent: config.cgroupParent,
    cgroupDriver: cgroupDriver(config, cgroups),
    cgroupVersion: cgroups.version,
    ulimits: Object.values(config.defaultUlimits),
    init: config.init,
    initPath: findInit(config),
    stopTimeoutSec: config.defaultStopTimeout,
    noNewPrivileges: config.noNewPrivileges,
    seccompProfile: seccompProfile(config.seccompProfile),
    dns: config.dns,
    dnsOptions: config.dnsOpts,
    dnsSearch: config.dnsSearch,
    hostGatewayIps: config.hostGatewayIps,
  };
}

function seccompProfile(setting: string): string {
  if (setting === '' || setting === 'builtin' || setting === 'unconfined') return setting === '' ? 'builtin' : setting;
  try {
    const text = readFileSync(setting, 'utf8');
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw new Error(`opening seccomp profile (${setting}) failed: ${errorMessage(cause)}`, { cause });
  }
}
