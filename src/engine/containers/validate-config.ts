import { isIP } from 'node:net';
import { posix } from 'node:path';
import { internal, invalid } from '../../shared/errors.js';
import { parsePlatform } from '../../shared/platform.js';
import { parseSignal } from '../../shared/signals.js';
import type { ContainerConfig, CreateContainerRequest, HealthConfig, HostConfig } from './container-config.js';
import type { ContainersContext } from './containers-context.js';
import { validateCapabilities } from '../../host/oci/capabilities.js';
import { checkDestination } from './mount-spec.js';
import { checkMounts } from './resolve-mounts.js';
import { fitResources, validateCpuNumbers, type HostCapacity } from './validate-resources.js';
import { validateRestartPolicy } from './restart-policy.js';

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const NS_PER_MS = 1_000_000;

/** The name without its slash. Throws invalid, as dockerd says it, for one that can't be. */
export function checkName(given: string): string {
  const name = given.replace(/^\//, '');
  if (!NAME.test(name)) {
    throw invalid(`Invalid container name (${given}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
  }
  return name;
}

/** What a create is checked against. */
export interface ConfigChecks {
  capacity: HostCapacity;
  isKnownRuntime: (name: string) => boolean;
}

export function configChecks({ capacity, deps }: ContainersContext): ConfigChecks {
  return { capacity, isKnownRuntime: (name) => deps.oci.runtimes.isKnown(name) };
}

/**
 * Checks everything that can be checked without looking at images, volumes, networks or other containers, and gives the host
 * configuration without the limits that this kernel doesn't know, with the warnings for the client. Throws dockerd's words.
 * Source of words and order: dockerd 28.5, asked with two things wrong at a time.
 */
export function validateConfig(
  { config, hostConfig: host, platform }: Pick<CreateContainerRequest, 'config' | 'hostConfig' | 'platform'>,
  { capacity, isKnownRuntime }: ConfigChecks,
): { hostConfig: HostConfig; warnings: string[] } {
  validateNetworkMode(config, host);
  if (!['', 'default'].includes(host.isolation.toLowerCase())) {
    throw invalid(`invalid isolation (${host.isolation}): linux only supports 'default'`);
  }
  validateCpuNumbers(host, capacity.supports);
  if (platform !== '') parsePlatform(platform);
  validatePortable(config);
  return validateHostConfig(host, { capacity, isKnownRuntime });
}

/**
 * The part of `validateConfig` that a start looks at again: an update or another host may have made wrong what was right. Throws
 * dockerd's words.
 */
export function validateHostConfig(
  host: HostConfig,
  { capacity, isKnownRuntime }: ConfigChecks,
): { hostConfig: HostConfig; warnings: string[] } {
  validateHost(host);
  const { resources: hostConfig, warnings } = fitResources(host, capacity);
  validateNamespacesAndMemory(host);
  if (host.runtime !== '' && !isKnownRuntime(host.runtime)) {
    throw invalid(`unknown or invalid runtime name: ${host.runtime}`);
  }
  for (const path of Object.keys(host.tmpfs)) checkDestination(path);
  validateCgroupnsMode(host);
  if (host.networkMode === 'host' && Object.keys(host.portBindings).length > 0) {
    warnings.push('Published ports are discarded when using host network mode');
  }
  return { hostConfig, warnings };
}

function validatePortable(config: ContainerConfig): void {
  if (config.workingDir !== '' && !posix.isAbsolute(config.workingDir)) {
    throw invalid(`the working directory '${config.workingDir}' is invalid, it needs to be an absolute path`);
  }
  if (config.stopSignal !== '') parseSignal(config.stopSignal);
  for (const entry of config.env) {
    if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${entry}`);
  }
  if (config.healthcheck) validateHealth(config.healthcheck);
}

function validateHealth(health: HealthConfig): void {
  const atLeastMs = (name: string, ns: number): void => {
    if (ns !== 0 && ns < NS_PER_MS) throw invalid(`${name} in Healthcheck cannot be less than 1ms`);
  };
  atLeastMs('Interval', health.intervalNs);
  atLeastMs('Timeout', health.timeoutNs);
  if (health.retries < 0) throw invalid('Retries in Healthcheck cannot be negative');
  atLeastMs('StartPeriod', health.startPeriodNs);
  atLeastMs('StartInterval', health.startIntervalNs);
}

function validateHost(host: HostConfig): void {
  if (host.autoRemove && !['', 'no'].includes(host.restartPolicy.name)) {
    throw invalid("can't create 'AutoRemove' container with restart policy");
  }
  checkMounts(host.mounts);
  for (const entry of host.extraHosts) validateExtraHost(entry);
  validatePorts(host);
  validateRestartPolicy(host.restartPolicy);
  validateCapabilities(host.capAdd, host.capDrop);
  if ('' in host.annotations) {
    throw invalid('invalid Annotations: the empty string is not permitted as an annotation key');
  }
}

/** Throws internal, as dockerd does for what its storage driver refuses. */
export function validateStorageOpt({ storageOpt }: HostConfig): void {
  const [option] = Object.keys(storageOpt);
  if (option === 'size') {
    throw internal("--storage-opt is supported only for overlay over xfs with 'pquota' mount option");
  }
  if (option !== undefined) throw internal(`Unknown option ${option}`);
}

function validateExtraHost(entry: string): void {
  const cut = entry.indexOf(':');
  if (cut <= 0) throw invalid(`bad format for add-host: "${entry}"`);
  const address = entry.slice(cut + 1);
  if (address !== 'host-gateway' && isIP(address) === 0) {
    throw invalid(`invalid IP address in add-host: "${address}"`);
  }
}

function validatePorts(host: HostConfig): void {
  for (const [port, bindings] of Object.entries(host.portBindings)) {
    const [number = ''] = port.split('/');
    if (!isPort(number)) throw invalid(`invalid port specification: "${number}"`);
    for (const { hostPort } of bindings) {
      const ends = hostPort.split('-');
      const isRange = ends.length <= 2 && ends.every(isPort) && Number(ends[0]) <= Number(ends.at(-1));
      if (hostPort !== '' && !isRange) {
        throw invalid(`invalid port specification: "${hostPort}"`);
      }
    }
  }
}

function isPort(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) <= 65_535;
}

function validateNetworkMode(config: ContainerConfig, host: HostConfig): void {
  const { networkMode } = host;
  const conflict = (what: string): Error => invalid(`conflicting options: ${what}`);
  if (networkMode === 'container:') {
    throw invalid('invalid network mode: invalid container format container:<name|id>');
  }
  const joins = networkMode.startsWith('container:');
  if (config.hostname !== '' && joins) throw conflict('hostname and the network mode');
  if (config.hostname !== '' && host.utsMode === 'host') throw conflict('hostname and the UTS mode');
  if (host.links.length > 0 && (joins || networkMode === 'host')) {
    const type = joins ? 'container type network' : 'host type networking';
    throw conflict(`${type} can't be used with links. This would result in undefined behavior`);
  }
  if (!joins) return;
  if (host.dns.length > 0) throw conflict('dns and the network mode');
  if (host.extraHosts.length > 0) throw conflict('custom host-to-IP mapping and the network mode');
  if (Object.keys(host.portBindings).length > 0 || host.publishAllPorts) {
    throw conflict('port publishing and the container type network mode');
  }
  if (config.exposedPorts.length > 0) throw conflict('port exposing and the container type network mode');
}

function validateNamespacesAndMemory(host: HostConfig): void {
  const { ipcMode, pidMode, utsMode } = host;
  if (!['', 'none', 'host', 'private', 'shareable'].includes(ipcMode) && !isContainerMode(ipcMode)) {
    throw invalid(`invalid IPC mode: ${ipcMode}`);
  }
  if (!['', 'host'].includes(pidMode) && !isContainerMode(pidMode)) throw invalid(`invalid PID mode: ${pidMode}`);
  if (host.shmSizeBytes < 0) throw invalid('SHM size can not be less than 0');
  if (!['', 'host'].includes(utsMode)) throw invalid(`invalid UTS mode: ${utsMode}`);
  if (host.oomScoreAdj < -1000 || host.oomScoreAdj > 1000) {
    throw invalid(`Invalid value ${host.oomScoreAdj}, range for oom score adj is [-1000, 1000]`);
  }
}

function validateCgroupnsMode({ cgroupnsMode }: HostConfig): void {
  if (!['', 'private', 'host'].includes(cgroupnsMode)) {
    throw invalid(`invalid cgroup namespace mode: ${cgroupnsMode}`);
  }
}

/** systemd knows slices only. */
export function validateCgroupParent(parent: string, driver: 'cgroupfs' | 'systemd'): void {
  if (driver !== 'systemd' || parent === '' || /^.+\.slice$/.test(parent)) return;
  throw invalid('cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"');
}

function isContainerMode(mode: string): boolean {
  return /^container:.+$/.test(mode);
}
