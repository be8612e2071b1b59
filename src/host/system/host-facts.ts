import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { arch, availableParallelism, hostname, machine, release, totalmem } from 'node:os';
import { hasCode } from '../../shared/errors.js';
import { FS_MAGIC, fileSystemOf } from '../sys/filesystem.js';

/** What does not change while the machine runs. */
export interface HostFacts {
  kernelVersion: string;
  /** `Debian GNU/Linux 12 (bookworm)` */
  operatingSystem: string;
  osVersion: string;
  /** As uname has it: `x86_64`. */
  machine: string;
  /** As Go has it: `amd64`. */
  goArch: string;
  cpus: number;
  memoryBytes: number;
}

const GO_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

export function readHostFacts(): HostFacts {
  const osRelease = parseOsRelease(readFirst('/etc/os-release', '/usr/lib/os-release'));
  return {
    kernelVersion: release(),
    operatingSystem: osRelease.get('PRETTY_NAME') ?? 'Linux',
    osVersion: osRelease.get('VERSION_ID') ?? '',
    machine: machine(),
    goArch: GO_ARCH[arch()] ?? arch(),
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

/** Source: os-release(5). */
export function parseOsRelease(text: string): Map<string, string> {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^([A-Z0-9_]+)=(?:"(.*)"|'(.*)'|(.*))$/.exec(line.trim());
    if (match?.[1]) values.set(match[1], match[2] ?? match[3] ?? match[4] ?? '');
  }
  return values;
}

export function hostName(): string {
  return hostname();
}

export function openFileCount(): number {
  return readdirSync('/proc/self/fd').length;
}

export function ipv4Forwarding(): boolean {
  return readFirst('/proc/sys/net/ipv4/ip_forward').trim() === '1';
}

/** Whether profiles can be loaded here: the kernel has it, the program that compiles them is there. The same as dockerd asks for. */
export function hasAppArmor(): boolean {
  return readFirst('/sys/module/apparmor/parameters/enabled').startsWith('Y') && existsSync('/sbin/apparmor_parser');
}

/** dockerd's name for the file system that a path is on: `extfs`, `xfs`, … */
export function backingFileSystem(path: string): string {
  const { magic } = fileSystemOf(path);
  const name = Object.entries(FS_MAGIC).find(([, number]) => number === magic)?.[0];
  return name === 'ext' ? 'extfs' : (name ?? '<unknown>');
}

/** '' when none is there. */
function readFirst(...paths: string[]): string {
  for (const path of paths) {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'EACCES')) throw error;
    }
  }
  return '';
}
