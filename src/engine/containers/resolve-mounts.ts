import { existsSync, readdirSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { copyTree } from '../../host/archive/copy-tree.js';
import { resolveInRoot } from '../../host/sys/resolve-in-root.js';
import { errorKind, invalid } from '../../shared/errors.js';
import type { UndoStack } from '../../shared/undo-stack.js';
import type { MountSpec } from './container-config.js';
import type { ContainersContext } from './containers-context.js';
import { planMount } from './mount-spec.js';
import type { PlannedMount } from './planned-mount.js';

/**
 * Gives a plan its sources: makes named and anonymous volumes, checks that what `Mounts` bind exists, makes the directories of
 * `Binds` that do not. Volumes made here are registered with `undo`; directories stay, as with dockerd.
 */
export async function resolveMounts(
  ctx: ContainersContext,
  plan: readonly PlannedMount[],
  specs: readonly MountSpec[],
  containerId: string,
  undo: UndoStack,
): Promise<PlannedMount[]> {
  const resolved: PlannedMount[] = [];
  for (const mount of plan) {
    if (mount.type === 'volume' && mount.source === '') {
      resolved.push(await resolveVolume(ctx, mount, specs, containerId, undo));
    } else if (mount.type === 'bind') {
      resolved.push(await resolveBind(ctx, mount));
    } else {
      resolved.push(mount);
    }
  }
  return resolved;
}

async function resolveVolume(
  ctx: ContainersContext,
  mount: PlannedMount,
  specs: readonly MountSpec[],
  containerId: string,
  undo: UndoStack,
): Promise<PlannedMount> {
  const { volumes } = ctx.deps;
  const spec = specs.find(({ type, target }) => type === 'volume' && trimSlash(target) === mount.destination);
  const isNew = mount.name === '' || !volumeExists(ctx, mount.name);
  const volume = await volumes.create({
    name: mount.name,
    driver: mount.driver || 'local',
    driverOpts: spec?.volumeOptions?.driverConfig?.options ?? {},
    labels: spec?.volumeOptions?.labels ?? {},
  });
  if (isNew) undo.push(`volume ${volume.name}`, () => volumes.remove(volume.name, true));
  volumes.reference(volume.name, containerId);
  undo.push(`reference to volume ${volume.name}`, () => volumes.unreference(volume.name, containerId));
  return { ...mount, name: volume.name, driver: volume.driver, source: volume.mountpoint };
}

function volumeExists(ctx: ContainersContext, name: string): boolean {
  try {
    ctx.deps.volumes.inspect(name);
    return true;
  } catch (error) {
    if (errorKind(error) !== 'not-found') throw error;
    return false;
  }
}

async function resolveBind(ctx: ContainersContext, mount: PlannedMount): Promise<PlannedMount> {
  requireSource(mount);
  if (!existsSync(mount.source)) await mkdir(mount.source, { recursive: true, mode: 0o755 });
  if (mount.propagation !== '') return mount;
  // A private bind of a tree that holds the daemon's own mounts would keep them busy for as long as the container runs.
  const holdsDataRoot = ctx.deps.paths.dataRoot === mount.source || isBelow(ctx.deps.paths.dataRoot, mount.source);
  return { ...mount, propagation: holdsDataRoot ? 'rslave' : 'rprivate', isDefaultPropagation: true };
}

function isBelow(path: string, parent: string): boolean {
  return parent === '/' || path.startsWith(`${parent}/`);
}

function trimSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

/**
 * Fills volumes that are empty with what the image has where they are mounted. `rootfs` is the container's mounted root file
 * system.
 */
export async function copyUpVolumes(
  ctx: ContainersContext,
  plan: readonly PlannedMount[],
  rootfs: string,
  containerId: string,
): Promise<void> {
  for (const mount of plan.filter(({ type, copyUp, subpath }) => type === 'volume' && copyUp && subpath === '')) {
    const from = resolveInRoot(rootfs, mount.destination);
    if (from === null || !statSync(from).isDirectory()) continue;
    const to = await ctx.deps.volumes.mount(mount.name, containerId);
    try {
      if (readdirSync(to).length === 0) await copyTree(from, to);
    } finally {
      await ctx.deps.volumes.unmount(mount.name, containerId);
    }
  }
}

/** Checks the entries of `HostConfig.Mounts` by themselves. Throws invalid in dockerd's words. */
export function checkMounts(specs: readonly MountSpec[]): void {
  for (const mount of specs.map(planMount)) if (mount.type === 'bind') requireSource(mount);
}

function requireSource({ source, createSource }: PlannedMount): void {
  if (createSource || existsSync(source)) return;
  throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
}

/** Whether a start could need the image's content for a volume; saves a mount when not. */
export function wantsCopyUp(plan: readonly PlannedMount[]): boolean {
  return plan.some(({ type, copyUp, source }) => type === 'volume' && copyUp && isEmpty(source));
}

function isEmpty(directory: string): boolean {
  return directory !== '' && existsSync(directory) && readdirSync(directory).length === 0;
}
