import { kernelAbis, type KernelAbis } from '../sys/abis.js';
import { applyCdi } from './apply-cdi.js';
import { resolveCapabilities } from './capabilities.js';
import { deviceSetup } from './devices.js';
import { runtimeProcess } from './runtime-process.js';
import { runtimeResources } from './resources.js';
import type { RuntimeNamespace, RuntimeSeccomp, RuntimeSpec } from './runtime-spec.js';
import { defaultSeccomp, seccompFromProfile } from './seccomp.js';
import type { NamespaceChoice, SpecInput } from './spec-input.js';
import { containerMounts, DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS, rootfsPropagation } from './standard-mounts.js';

/** Where the init binary appears in the container, as with dockerd. */
export const INIT_IN_CONTAINER = '/sbin/docker-init';

/**
 * The OCI runtime specification of a container.
 * Errors: invalid for an unknown capability, a bad seccomp profile, a path that is no device, a bad device rule.
 */
export function buildRuntimeSpec(input: SpecInput): RuntimeSpec {
  const capabilities = resolveCapabilities(input.capAdd, input.capDrop, input.privileged);
  const devices = deviceSetup(input);
  const seccomp = resolveSeccomp(input, capabilities);
  const withInit = addInit(input);
  const masked = input.maskedPaths ?? (input.privileged ? [] : DEFAULT_MASKED_PATHS);
  const readonly = input.readonlyPaths ?? (input.privileged ? [] : DEFAULT_READONLY_PATHS);
  const propagation = rootfsPropagation(input.mounts);
  const spec: RuntimeSpec = {
    ociVersion: '1.0.2-dev',
    process: runtimeProcess(withInit),
    root: { path: input.rootfs, ...(input.readonlyRootfs && { readonly: true }) },
    ...(input.namespaces.uts === 'private' && { hostname: input.hostname }),
    mounts: containerMounts(withInit),
    ...(Object.keys(input.annotations).length > 0 && { annotations: input.annotations }),
    linux: {
      sysctl: sysctls(input),
      resources: { devices: devices.rules, ...runtimeResources(input.resources) },
      cgroupsPath: input.cgroupsPath,
      namespaces: namespaces(input),
      ...(devices.devices.length > 0 && { devices: devices.devices }),
      ...(seccomp && { seccomp }),
      ...(masked.length > 0 && { maskedPaths: [...masked] }),
      ...(readonly.length > 0 && { readonlyPaths: [...readonly] }),
      ...(input.mountLabel && { mountLabel: input.mountLabel }),
      ...(propagation && { rootfsPropagation: propagation }),
    },
  };
  return applyCdi(spec, input.cdiEdits ?? []);
}

/** With an init: it becomes pid 1 and is bound into the container, read-only. */
function addInit(input: SpecInput): SpecInput {
  if (input.initPath === null) return input;
  return {
    ...input,
    args: [INIT_IN_CONTAINER, '--', ...input.args],
    mounts: [
      ...input.mounts,
      {
        type: 'bind',
        source: input.initPath,
        destination: INIT_IN_CONTAINER,
        readOnly: true,
        propagation: '',
        nonRecursive: true,
        recursiveReadOnly: false,
        options: [],
      },
    ],
  };
}

function resolveSeccomp(input: SpecInput, capabilities: string[]): RuntimeSeccomp | null {
  switch (input.seccomp.kind) {
    case 'unconfined':
      return null;
    case 'profile':
      return seccompFromProfile(input.seccomp.json, capabilities);
    case 'default':
      return input.privileged ? null : defaultSeccomp(capabilities, process.arch, containerAbis(input));
  }
}

/** A container in a virtual machine finds another kernel there, which may well run programs that this one does not. */
function containerAbis(input: SpecInput): KernelAbis {
  return input.isOnHostKernel ? kernelAbis() : { i386: true, x32: true };
}

function sysctls(input: SpecInput): Record<string, string> {
  const set: Record<string, string> = {};
  if (input.namespaces.network === 'private' || typeof input.namespaces.network === 'object') {
    set['net.ipv4.ip_unprivileged_port_start'] = '0';
    set['net.ipv4.ping_group_range'] = '0 2147483647';
  }
  // runc 1.1 does not know the specification's `domainname` yet; the sysctl works with every runtime.
  if (input.domainname && input.namespaces.uts === 'private') set['kernel.domainname'] = input.domainname;
  return { ...set, ...input.sysctls };
}

function namespaces(input: SpecInput): RuntimeNamespace[] {
  const all: RuntimeNamespace[] = [{ type: 'mount' }];
  const add = (type: RuntimeNamespace['type'], choice: NamespaceChoice): void => {
    if (choice === 'host') return;
    all.push(choice === 'private' ? { type } : { type, path: choice.path });
  };
  add('network', input.namespaces.network);
  add('uts', input.namespaces.uts);
  add('pid', input.namespaces.pid);
  add('ipc', input.namespaces.ipc);
  add('cgroup', input.namespaces.cgroup);
  return all;
}
