import { lstatSync, readdirSync, realpathSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { hasCode, invalid } from '../../shared/errors.js';
import type { RuntimeDevice, RuntimeDeviceRule } from './runtime-spec.js';
import type { SpecInput } from './spec-input.js';

/** Linux packs a device number so that both halves may grow past 8 bits. Source: makedev(3). */
export const majorOf = (rdev: number): number => ((rdev >>> 8) & 0xfff) | (Math.floor(rdev / 2 ** 32) & 0xfffff000);
export const minorOf = (rdev: number): number => (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);

/** Rules of every unprivileged container: nothing but null, zero, full, random, urandom, tty, console; ptmx and pts come from the runtime. */
const DEFAULT_RULES: RuntimeDeviceRule[] = [
  { allow: false, access: 'rwm' },
  ...[
    [1, 5],
    [1, 3],
    [1, 9],
    [1, 8],
    [5, 0],
    [5, 1],
  ].map(([major, minor]): RuntimeDeviceRule => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
  { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
];

/** Made by the runtime or mounted over: never copied from the host's /dev. */
const NOT_FROM_HOST = new Set(['pts', 'shm', 'fd', 'mqueue', '.lxc', '.lxd-mounts', '.udev', 'console', 'ptmx']);

export interface DeviceSetup {
  devices: RuntimeDevice[];
  rules: RuntimeDeviceRule[];
}

/**
 * The device nodes and device-cgroup rules of a container.
 * Errors: invalid in dockerd's words for a path that is no device and for a malformed cgroup rule.
 */
export function deviceSetup(input: SpecInput): DeviceSetup {
  if (input.privileged) {
    const devices = hostDevices('/dev');
    const wanted = input.devices.flatMap((mapping) => mapDevice(mapping).devices);
    const extra = wanted.filter((device) => !devices.some((known) => known.path === device.path));
    return { devices: [...devices, ...extra], rules: [{ allow: true, access: 'rwm' }] };
  }
  const setup: DeviceSetup = { devices: [], rules: [...DEFAULT_RULES] };
  for (const mapping of input.devices) {
    const mapped = mapDevice(mapping);
    setup.devices.push(...mapped.devices);
    setup.rules.push(...mapped.rules);
  }
  for (const rule of input.deviceCgroupRules) setup.rules.push(parseDeviceRule(rule));
  return setup;
}

function mapDevice(mapping: { pathOnHost: string; pathInContainer: string; cgroupPermissions: string }): DeviceSetup {
  const { pathOnHost, pathInContainer } = mapping;
  const access = mapping.cgroupPermissions || 'rwm';
  let stats: Stats;
  let resolved = pathOnHost;
  try {
    resolved = realpathSync(pathOnHost);
    stats = statSync(resolved);
  } catch (error) {
    throw invalid(
      `error gathering device information while adding custom device "${pathOnHost}": ${hasCode(error, 'ENOENT') ? 'no such file or directory' : (error as Error).message}`,
      error,
    );
  }
  if (stats.isDirectory()) return mapDirectory(resolved, pathInContainer, access);
  const device = deviceAt(resolved, pathInContainer || pathOnHost, stats);
  if (!device) {
    throw invalid(`error gathering device information while adding custom device "${pathOnHost}": not a device node`);
  }
  return { devices: [device], rules: [ruleFor(device, access)] };
}

/** A directory stands for all devices below it. */
function mapDirectory(hostDir: string, containerDir: string, access: string): DeviceSetup {
  const devices = hostDevices(hostDir).map((device) => ({
    ...device,
    path: join(containerDir || hostDir, device.path.slice(hostDir.length)),
  }));
  if (devices.length === 0) {
    throw invalid(`error gathering device information while adding custom device "${hostDir}": not a device node`);
  }
  return { devices, rules: devices.map((device) => ruleFor(device, access)) };
}

const ruleFor = (device: RuntimeDevice, access: string): RuntimeDeviceRule => ({
  allow: true,
  type: device.type === 'b' ? 'b' : 'c',
  major: device.major,
  minor: device.minor,
  access,
});

function deviceAt(hostPath: string, path: string, stats: Stats = lstatSync(hostPath)): RuntimeDevice | null {
  if (!stats.isBlockDevice() && !stats.isCharacterDevice()) return null;
  return {
    path,
    type: stats.isBlockDevice() ? 'b' : 'c',
    major: majorOf(stats.rdev),
    minor: minorOf(stats.rdev),
    fileMode: stats.mode & 0o777,
    uid: stats.uid,
    gid: stats.gid,
  };
}

function hostDevices(dir: string): RuntimeDevice[] {
  const found: RuntimeDevice[] = [];
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (dir === '/dev' && NOT_FROM_HOST.has(entry.name)) continue;
    const path = join(dir, entry.name);
    if (entry.isDirectory()) found.push(...hostDevices(path));
    else if (entry.isBlockDevice() || entry.isCharacterDevice()) {
      const device = statIfThere(path);
      if (device) found.push(device);
    }
  }
  return found;
}

/** A device may vanish between readdir and stat: hot-unplug. */
function statIfThere(path: string): RuntimeDevice | null {
  try {
    return deviceAt(path, path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

/** `c 1:3 rwm`, `b *:* r`, `a *:* rwm`. */
export function parseDeviceRule(rule: string): RuntimeDeviceRule {
  const match = /^([acb]) ([0-9]+|\*):([0-9]+|\*) ([rwm]{1,3})$/.exec(rule);
  if (!match) throw invalid(`invalid device cgroup rule format: '${rule}'`);
  const [, type, major, minor, access] = match as unknown as [string, 'a' | 'c' | 'b', string, string, string];
  return {
    allow: true,
    type,
    ...(major !== '*' && { major: Number(major) }),
    ...(minor !== '*' && { minor: Number(minor) }),
    access,
  };
}
