import { existsSync } from 'node:fs';
import type { CgroupLayout } from '../host/cgroup/cgroup-layout.js';
import type { SystemSettings } from '../engine/system/system-settings.js';
import type { DaemonConfig } from '../config/options.js';
import { cgroupDriverOption } from '../config/validate-config.js';
import { proxySettings } from './registry-config.js';
import { findExecutable } from '../host/oci/runtimes.js';

/** Log drivers whose containers can be run. */
export const LOG_DRIVERS = ['json-file', 'local'];

/** The init programs that are looked for, in this order; each takes `-- command`. */
const INIT_PROGRAMS = ['docker-init', 'tini-static', 'catatonit'];

/** What `info` and `version` tell of the configuration. */
export function systemSettings(config: DaemonConfig, cgroups: CgroupLayout): SystemSettings {
  const proxies = proxySettings(config);
  return {
    debug: config.debug,
    experimental: config.experimental,
    labels: config.labels,
    dataRoot: config.dataRoot,
    loggingDriver: config.logDriver,
    logDrivers: LOG_DRIVERS,
    cgroupDriver: cgroupDriver(config, cgroups),
    registryMirrors: config.registryMirrors,
    insecureRegistries: config.insecureRegistries,
    httpProxy: withoutCredentials(proxies.httpProxy),
    httpsProxy: withoutCredentials(proxies.httpsProxy),
    noProxy: proxies.noProxy,
    addressPools: config.defaultAddressPools,
    cgroupNamespaces: cgroupnsMode(config, cgroups) === 'private',
    noNewPrivileges: config.noNewPrivileges,
    seccompProfile: config.seccompProfile,
    insecureAddresses: config.tlsverify
      ? []
      : config.hosts.filter((host) => host.startsWith('tcp://')).map((host) => host.slice('tcp://'.length)),
    initPath: findInit(config),
    cdiSpecDirs: cdiSpecDirs(config),
  };
}

/** Where CDI devices are described; none where they are turned off. */
export function cdiSpecDirs({ features, cdiSpecDirs: directories }: DaemonConfig): string[] {
  return features.cdi === false ? [] : directories;
}

/** systemd where it runs the machine and control groups have version 2, unless told otherwise. Source: dockerd's default. */
export function cgroupDriver(config: DaemonConfig, { version }: CgroupLayout): 'cgroupfs' | 'systemd' {
  const isDefault = version === 2 && existsSync('/run/systemd/system');
  return cgroupDriverOption(config.execOpts) ?? (isDefault ? 'systemd' : 'cgroupfs');
}

/** Private where control groups of version 2 make it safe and useful. Source: dockerd's default. */
export function cgroupnsMode(config: DaemonConfig, cgroups: CgroupLayout): 'private' | 'host' {
  if (config.defaultCgroupnsMode !== '') return config.defaultCgroupnsMode as 'private' | 'host';
  return cgroups.version === 2 ? 'private' : 'host';
}

/** Absolute path of the init binary; null: none is installed. */
export function findInit(config: DaemonConfig): string | null {
  if (config.initPath !== '') return findExecutable(config.initPath);
  return INIT_PROGRAMS.map(findExecutable).find((path) => path !== null) ?? null;
}

/** As dockerd shows the URL of a proxy. */
function withoutCredentials(url: string): string {
  return url.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1xxxxx:xxxxx@');
}
