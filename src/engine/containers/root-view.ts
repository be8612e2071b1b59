import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { mount, MNT_DETACH, MS, umountAll } from '../../host/sys/mount.js';
import { resolveInRoot } from '../../host/sys/resolve-in-root.js';
import type { SpecMount } from '../../host/oci/spec-input.js';
import { errorKind, hasCode } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import type { PlannedMount } from './planned-mount.js';
import { unmountRoot } from './release-run.js';
import { networkFiles } from './spec-request.js';

/** A container's file system as its processes see it, volumes and binds included. */
export interface RootView {
  root: string;
  /** Takes it down again; once. */
  close(): Promise<void>;
}

let counter = 0;

/**
 * Opens the file system of a container that may or may not run. Of one that does not, a view of its own is mounted, so that no lock is
 * needed while a client reads or writes: a start in between neither sees nor disturbs it. Volumes are told to be mounted and unmounted
 * for it, as by dockerd, whether that takes anything or not. `isOwn` asks for such a view of one that runs, too: it has no /proc, /sys
 * and /dev, nor any tmpfs.
 */
export async function openRootView(
  ctx: ContainersContext,
  entry: ContainerEntry,
  { isOwn = false }: { isOwn?: boolean } = {},
): Promise<RootView> {
  const shared = isOwn ? null : runningRoot(entry);
  const view = shared ? { root: shared, close: async () => undefined } : await mountView(ctx, entry);
  const volumes = entry.plan.filter(({ type }) => type === 'volume');
  for (const { name, destination, propagation, readOnly } of volumes) {
    ctx.deps.volumes.tellUse('mount', name, entry.id, { destination, propagation, rw: !readOnly });
  }
  return {
    root: view.root,
    close: async () => {
      for (const { name } of volumes) ctx.deps.volumes.tellUse('unmount', name, entry.id);
      await view.close();
    },
  };
}

/** The root that the processes of a container see; null when it does not run. */
export function runningRoot({ container: { state }, run }: ContainerEntry): string | null {
  // Its end may be known before it is on record.
  return state.running && !state.restarting && run?.shim.state !== 'exited' ? `/proc/${state.pid}/root` : null;
}

async function mountView(ctx: ContainersContext, entry: ContainerEntry): Promise<RootView> {
  const root = join(ctx.deps.paths.views, `${entry.id.slice(0, 12)}-${++counter}`);
  const images: string[] = [];
  const close = async (): Promise<void> => {
    for (const path of [root, ...images]) takeDown(path);
    await closeView(ctx, entry);
  };
  entry.views++;
  await ctx.ahead.touch(ctx, entry);
  await entry.unmounting;
  mkdirSync(root, { recursive: true, mode: 0o700 });
  try {
    bind(ctx.deps.snapshots.mount(entry.id), root);
    for (const planned of entry.plan.filter(({ type }) => type !== 'tmpfs').sort(byDepth)) {
      const from = partOf(await sourceOf(ctx, entry, planned, root, images), planned.subpath);
      const to = from === null ? null : makeMountPoint(root, planned.destination, from);
      if (from === null || to === null) continue;
      bind(from, to);
      if (planned.readOnly) forbidWrites(to);
    }
    for (const { source, destination } of shownNetworkFiles(ctx, entry)) {
      const to = existsSync(source) ? makeMountPoint(root, destination, source) : null;
      if (to !== null) bind(source, to);
    }
    // Last, since places for the mounts may have to be made.
    if (entry.container.hostConfig.readonlyRootfs) forbidWrites(root);
    return { root, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Those of one that runs, which its next start would fill in anew; none when the container is gone whose they are. */
function shownNetworkFiles(ctx: ContainersContext, { container, plan }: ContainerEntry): SpecMount[] {
  if (!container.state.running) return [];
  try {
    return networkFiles(ctx, container, plan);
  } catch (error) {
    if (errorKind(error) === 'not-found') return [];
    throw error;
  }
}

const byDepth = (a: PlannedMount, b: PlannedMount): number => a.destination.length - b.destination.length;

/** Where the content of a mount is; an image's is mounted for that beside the view. */
async function sourceOf(
  ctx: ContainersContext,
  entry: ContainerEntry,
  mount: PlannedMount,
  view: string,
  images: string[],
): Promise<string> {
  if (mount.type === 'volume') return ctx.deps.volumes.mount(mount.name, entry.id);
  if (mount.type === 'bind') return mount.source;
  const path = `${view}-${images.length}`;
  mkdirSync(path, { mode: 0o700 });
  images.push(path);
  const { chainIds } = ctx.deps.images.inspect(mount.imageId ?? mount.name);
  ctx.deps.snapshots.mountReadOnly(chainIds, path);
  return path;
}

/** null: there is no such thing (any more). */
function partOf(source: string, subpath: string): string | null {
  if (subpath !== '') return resolveInRoot(source, subpath);
  return existsSync(source) ? source : null;
}

function bind(source: string, target: string): void {
  mount(source, target, null, MS.BIND);
  mount(null, target, null, MS.PRIVATE);
}

function forbidWrites(target: string): void {
  mount(null, target, null, MS.BIND | MS.REMOUNT | MS.RDONLY);
}

/** Unmounts a place with all that is mounted below it; nothing mounted is fine. */
function takeDown(path: string): void {
  umountAll(path, MNT_DETACH);
  rmdirSync(path);
}

/** Takes down the views that a daemon has left which was killed; once, at boot. Never throws for one of them. */
export function removeViews({ deps }: ContainersContext): void {
  if (!existsSync(deps.paths.views)) return;
  for (const name of readdirSync(deps.paths.views)) {
    try {
      takeDown(join(deps.paths.views, name));
    } catch (err) {
      deps.log.warn({ err, name }, 'cannot take down a view that was left');
    }
  }
}

/**
 * The place of a mount inside the view. Where it is missing it is made: a file for a file, else a directory; null where that can't be
 * done, since something is in the way or may not be written.
 */
function makeMountPoint(view: string, destination: string, source: string): string | null {
  const found = resolveInRoot(view, destination);
  if (found !== null) return found;
  const parent = makeMountPoint(view, posix.dirname(destination), view);
  if (parent === null) return null;
  const path = join(parent, posix.basename(destination));
  try {
    if (statSync(source).isDirectory()) mkdirSync(path, { mode: 0o755 });
    else writeFileSync(path, '', { flag: 'wx', mode: 0o755 });
  } catch (error) {
    if (hasCode(error, 'EROFS', 'ENOTDIR', 'EEXIST')) return null;
    throw error;
  }
  return path;
}

/**
 * One copy less. The last one unmounts the root file system, unless the container runs or somebody is about to start it (then its
 * exit does it).
 */
export async function closeView(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  entry.views--;
  if (entry.run || entry.views > 0 || ctx.locks.isHeld(entry.id)) return;
  await unmountRoot(ctx, entry);
  for (const { type, name } of entry.plan) if (type === 'volume') await ctx.deps.volumes.unmount(name, entry.id);
}
