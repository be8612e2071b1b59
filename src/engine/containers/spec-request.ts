import { existsSync, realpathSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { CdiEdits } from '../../host/cdi/cdi-spec.js';
import { cgroupPathFor } from '../../host/cgroup/cgroup-layout.js';
import { isPlainRuntime } from '../../host/oci/runtimes.js';
import type { ResolvedUser } from '../../host/oci/process-input.js';
import type { SpecInput, SpecMount, SpecResources } from '../../host/oci/spec-input.js';
import { resolveInRoot } from '../../host/sys/resolve-in-root.js';
import { hasCode, internal, invalid, notFound } from '../../shared/errors.js';
import type { HostConfig } from './container-config.js';
import type { Container } from './container.js';
import type { ContainersContext } from './containers-context.js';
import { possiblePropagation } from './bind-propagation.js';
import { mountImage } from './image-mounts.js';
import { linkEnv } from './links.js';
import { chooseNamespaces, otherContainer, shmPath } from './namespaces.js';
import { checkTmpfsOptions } from './plan-mounts.js';
import type { PlannedMount } from './planned-mount.js';
import { parseSecurityOpt } from './security-opt.js';

const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** What a start knows beside the container itself. */
export interface SpecFacts {
  rootfs: string;
  user: ResolvedUser & { home: string };
  /** null: the host's network. */
  netnsPath: string | null;
  mounts: SpecMount[];
  /** Of the CDI devices that it asks for. */
  cdiEdits: CdiEdits[];
}

/** The whole input of the OCI specification of a container that is about to start. */
export function specRequest(ctx: ContainersContext, container: Container, facts: SpecFacts): SpecInput {
  const { config, hostConfig } = container;
  const { defaults } = ctx.deps;
  const security = parseSecurityOpt(hostConfig.securityOpt);
  return {
    containerId: container.id,
    rootfs: facts.rootfs,
    readonlyRootfs: hostConfig.readonlyRootfs,
    args: [container.path, ...container.args],
    env: processEnv(ctx, container, facts.user.home, config.tty),
    cwd: config.workingDir || '/',
    user: facts.user,
    tty: config.tty,
    consoleSize: hasSize(hostConfig.consoleSize) ? hostConfig.consoleSize : null,
    hostname: config.hostname,
    domainname: config.domainname,
    namespaces: chooseNamespaces(ctx, container, facts.netnsPath),
    mounts: facts.mounts,
    shmSizeBytes: hostConfig.shmSizeBytes,
    shmPath: shmPath(ctx, container),
    hasShm: hostConfig.ipcMode !== 'none',
    privileged: hostConfig.privileged,
    capAdd: hostConfig.capAdd,
    capDrop: hostConfig.capDrop,
    isOnHostKernel: isPlainRuntime(ctx.deps.oci.runtimes.resolve(hostConfig.runtime)),
    seccomp: containerSeccomp(ctx, hostConfig),
    appArmorProfile: container.appArmorProfile,
    processLabel: container.processLabel,
    mountLabel: container.mountLabel,
    noNewPrivileges: security.noNewPrivileges ?? defaults.noNewPrivileges,
    maskedPaths: hostConfig.maskedPaths,
    readonlyPaths: hostConfig.readonlyPaths,
    devices: hostConfig.devices,
    deviceCgroupRules: hostConfig.deviceCgroupRules,
    resources: specResources(hostConfig),
    cgroupsPath: cgroupsPath(ctx, container),
    cgroupVersion: defaults.cgroupVersion,
    rlimits: mergeUlimits(ctx, hostConfig),
    sysctls: hostConfig.sysctls,
    oomScoreAdj: oomScoreAdj(hostConfig),
    annotations: hostConfig.annotations,
    initPath: initPath(ctx, hostConfig),
    cdiEdits: facts.cdiEdits,
    writableCgroups: security.writableCgroups,
  };
}

/** A privileged container is confined only when it asks for it. */
export function containerSeccomp(ctx: ContainersContext, host: HostConfig): SpecInput['seccomp'] {
  const own = parseSecurityOpt(host.securityOpt).seccomp;
  const profile = own ?? ctx.deps.defaults.seccompProfile;
  if (profile === 'unconfined' || (host.privileged && own === null)) return { kind: 'unconfined' };
  return profile === '' || profile === 'builtin' ? { kind: 'default' } : { kind: 'profile', json: profile };
}

/** null: inherited. */
export function oomScoreAdj(host: HostConfig): number | null {
  return host.oomScoreAdj === 0 ? null : host.oomScoreAdj;
}

function hasSize([height, width]: [number, number]): boolean {
  return height > 0 && width > 0;
}

/**
 * The environment of the container's process or (with its own variables as `more`) of an exec: PATH, HOSTNAME, TERM with a
 * terminal, what its links tell, and HOME where they are not set. A name alone unsets.
 */
export function processEnv(
  ctx: ContainersContext,
  container: Container,
  home: string,
  tty: boolean,
  more: readonly string[] = [],
): string[] {
  const { config } = container;
  const env = new Map<string, string>();
  const set = (entry: string): unknown => env.set(entry.split('=', 1)[0] ?? '', entry);
  set(DEFAULT_PATH);
  set(`HOSTNAME=${config.hostname}`);
  if (tty) set('TERM=xterm');
  for (const entry of linkEnv(ctx, container)) set(entry);
  for (const entry of [...config.env, ...more]) {
    if (entry.includes('=')) set(entry);
    else env.delete(entry);
  }
  if (!env.has('HOME')) set(`HOME=${home}`);
  return [...env.values()];
}

export function specResources(host: HostConfig): SpecResources {
  return {
    memoryBytes: host.memoryBytes,
    memorySwapBytes: host.memorySwapBytes,
    memoryReservationBytes: host.memoryReservationBytes,
    memorySwappiness: host.memorySwappiness === -1 ? null : host.memorySwappiness,
    oomKillDisable: host.oomKillDisable ?? false,
    cpuShares: host.cpuShares,
    cpuPeriod: host.cpuPeriod,
    cpuQuota: host.cpuQuota,
    nanoCpus: host.nanoCpus,
    cpuRealtimePeriod: host.cpuRealtimePeriod,
    cpuRealtimeRuntime: host.cpuRealtimeRuntime,
    cpusetCpus: host.cpusetCpus,
    cpusetMems: host.cpusetMems,
    pidsLimit: host.pidsLimit,
    blkioWeight: host.blkioWeight,
    blkioWeightDevice: host.blkioWeightDevice,
    blkioReadBps: host.blkioDeviceReadBps,
    blkioWriteBps: host.blkioDeviceWriteBps,
    blkioReadIops: host.blkioDeviceReadIops,
    blkioWriteIops: host.blkioDeviceWriteIops,
  };
}

/** As the OCI specification has it: a path with cgroupfs, `slice:prefix:name` with systemd. */
export function cgroupsPath(ctx: ContainersContext, { id, hostConfig }: Pick<Container, 'id' | 'hostConfig'>): string {
  const { cgroupDriver, cgroupParent } = ctx.deps.defaults;
  return cgroupPathFor(id, hostConfig.cgroupParent || cgroupParent, cgroupDriver);
}

/** A container's own limits, and those of the daemon for all others. */
export function mergeUlimits(ctx: ContainersContext, host: HostConfig): HostConfig['ulimits'] {
  const own = new Set(host.ulimits.map(({ name }) => name));
  return [...host.ulimits, ...ctx.deps.defaults.ulimits.filter(({ name }) => !own.has(name))];
}

function initPath(ctx: ContainersContext, host: HostConfig): string | null {
  if (!(host.init ?? ctx.deps.defaults.init)) return null;
  if (host.pidMode !== '') return null;
  const path = ctx.deps.defaults.initPath;
  if (path === null) throw internal('exec: "docker-init": executable file not found in $PATH');
  return path;
}

/** The mounts of a plan as the runtime takes them, volumes mounted, and the three network files on top. */
export async function specMounts(
  ctx: ContainersContext,
  container: Container,
  plan: readonly PlannedMount[],
): Promise<SpecMount[]> {
  const mounts: SpecMount[] = [];
  for (const mount of plan) mounts.push(await specMount(ctx, container.id, mount));
  return [...mounts, ...networkFiles(ctx, container, plan)];
}

async function specMount(ctx: ContainersContext, containerId: string, mount: PlannedMount): Promise<SpecMount> {
  const base = {
    destination: mount.destination,
    readOnly: mount.readOnly,
    propagation: mount.propagation,
    nonRecursive: mount.nonRecursive,
    recursiveReadOnly: mount.readOnly && mount.readOnlyBelow !== 'never' && !mount.nonRecursive,
    options: [] as string[],
  };
  if (mount.type === 'tmpfs') {
    checkTmpfsOptions(mount.options);
    return { ...base, type: 'tmpfs', source: 'tmpfs', options: mount.options, recursiveReadOnly: false };
  }
  if (mount.type === 'volume') {
    const { destination, propagation } = mount;
    const use = { destination, propagation, rw: !mount.readOnly };
    const root = await ctx.deps.volumes.mount(mount.name, containerId, use);
    return { ...base, type: 'bind', source: subpathOf(root, mount.subpath) };
  }
  if (mount.type === 'image') {
    return { ...base, type: 'bind', source: subpathOf(mountImage(ctx, mount), mount.subpath) };
  }
  if (mount.createSource && !existsSync(mount.source)) await mkdir(mount.source, { recursive: true, mode: 0o755 });
  return { ...base, type: 'bind', source: mount.source, propagation: possiblePropagation(mount) };
}

/** Throws not-found or, when links lead out of the root, invalid, in dockerd's words. */
function subpathOf(root: string, subpath: string): string {
  if (subpath === '') return root;
  const path = resolveInRoot(root, subpath);
  const shown = join(root, subpath);
  if (path === null) throw notFound(`cannot access path ${shown}: lstat ${shown}: no such file or directory`);
  if (realpathOf(shown) !== path) {
    throw invalid(`path concatenation escapes the base directory, base: ${root}, subpath: ${subpath}`);
  }
  return path;
}

/** null: there is no such path. */
function realpathOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** /etc/resolv.conf, hostname and hosts: its own, or those of the container whose network it joins; not where a mount is. */
export function networkFiles(ctx: ContainersContext, container: Container, plan: readonly PlannedMount[]): SpecMount[] {
  const owner = otherContainer(ctx, container.hostConfig.networkMode)?.container ?? container;
  const files: [string, string][] = [
    [owner.resolvConfPath, '/etc/resolv.conf'],
    [owner.hostnamePath, '/etc/hostname'],
    [owner.hostsPath, '/etc/hosts'],
  ];
  const taken = new Set(plan.map(({ destination }) => destination));
  return files
    .filter(([, destination]) => !taken.has(destination))
    .map(([source, destination]) => ({
      type: 'bind',
      source,
      destination,
      readOnly: container.hostConfig.readonlyRootfs,
      propagation: 'rprivate',
      nonRecursive: false,
      recursiveReadOnly: false,
      options: [],
    }));
}
