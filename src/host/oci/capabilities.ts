import { readFileSync } from 'node:fs';
import { invalid } from '../../shared/errors.js';
import type { RuntimeCapabilities } from './runtime-spec.js';
import type { ResolvedUser } from './process-input.js';

/** Capability names by their number in the kernel. Source: capabilities(7), include/uapi/linux/capability.h. */
const BY_NUMBER = (
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE ' +
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN ' +
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE ' +
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE'
)
  .split(' ')
  .map((name) => `CAP_${name}`);

/** What a container gets unless told otherwise. Source: Docker documentation, "Runtime privilege and Linux capabilities". */
export const DEFAULT_CAPABILITIES: readonly string[] =
  'CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE'
    .split(' ')
    .map((name) => `CAP_${name}`);

let available: string[] | undefined;

/** The capabilities that this process may hand on (its bounding set), in the kernel's order. */
export function availableCapabilities(): string[] {
  if (!available) {
    const hex = /^CapBnd:\s*([0-9a-f]+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
    const bounding = BigInt(`0x${hex}`);
    available = BY_NUMBER.filter((_, bit) => (bounding >> BigInt(bit)) & 1n);
  }
  return available;
}

/** The set as the kernel writes it: bit n is capability n. Names that the kernel does not have are left out. */
export function capabilityMask(names: readonly string[]): bigint {
  return BY_NUMBER.reduce((mask, name, bit) => (names.includes(name) ? mask | (1n << BigInt(bit)) : mask), 0n);
}

/** `net_admin`, `CAP_NET_ADMIN` → `CAP_NET_ADMIN`; `ALL` stays. */
export function canonicalCapability(name: string): string {
  const upper = name.toUpperCase();
  return upper === 'ALL' || upper.startsWith('CAP_') ? upper : `CAP_${upper}`;
}

/** Throws invalid with dockerd's words when a list names a capability that the kernel does not know. */
export function validateCapabilities(add: readonly string[], drop: readonly string[]): void {
  for (const [field, list] of [
    ['CapAdd', add],
    ['CapDrop', drop],
  ] as const) {
    for (const name of list) {
      const canonical = canonicalCapability(name);
      if (canonical !== 'ALL' && !BY_NUMBER.includes(canonical)) {
        throw invalid(`invalid ${field}: unknown capability: "${canonical}"`);
      }
    }
  }
}

/**
 * The capabilities of a container: all when privileged; otherwise the default set without `drop`, with `add`, where
 * `ALL` in `add` starts from everything and `ALL` in `drop` from nothing. Source: Engine API, HostConfig.CapAdd.
 */
export function resolveCapabilities(add: readonly string[], drop: readonly string[], privileged: boolean): string[] {
  validateCapabilities(add, drop);
  if (privileged) return [...availableCapabilities()];
  const added = new Set(add.map(canonicalCapability));
  const dropped = new Set(drop.map(canonicalCapability));
  if (added.has('ALL')) return availableCapabilities().filter((cap) => !dropped.has(cap));
  const base = dropped.has('ALL') ? [] : DEFAULT_CAPABILITIES.filter((cap) => !dropped.has(cap));
  return [...base, ...[...added].filter((cap) => !base.includes(cap))];
}

/** A process that is not root gets its capabilities in the bounding set only, as execve(2) would leave it. */
export function capabilitySets(capabilities: string[], user: ResolvedUser): RuntimeCapabilities {
  if (user.uid !== 0) return { bounding: capabilities };
  return { bounding: capabilities, effective: capabilities, permitted: capabilities };
}
