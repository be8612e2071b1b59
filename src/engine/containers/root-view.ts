import { mkdirSync, rmdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { mount, MNT_DETACH, MS, umount } from '../../host/sys/mount.js';
import { resolveInRoot } from '../../host/sys/resolve-in-root.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { unmountRoot } from './release-run.js';

/** A container's file system as its processes see it, volumes and binds included. */
export interface RootView {
  root: string;
  /** Takes it down again; once. */
  close(): Promise<void>;
}

let counter = 0;

/**
 * Opens the file system of a container that may or may not run. Of one that does not, a view of its own is mounted, so that no lock is
 * needed while a client reads or writes: a start in between neither sees nor disturbs it.
 */
export async function openRootView(ctx: ContainersContext, entry: ContainerEntry): Promise<RootView> {
  const { state } = entry.container;
  if (state.running && !state.restarting) return { root: `/proc/${state.pid}/root`, close: async () => undefined };
  const view = join(ctx.deps.paths.views, `${entry.id.slice(0, 12)}-${++counter}`);
  const mounted: string[] = [];
  const close = async (): Promise<void> => {
    for (const path of mounted.splice(0).reverse()) umount(path, MNT_DETACH);
    rmdirSync(view);
    await closeView(ctx, entry);
  };
  entry.views++;
  mkdirSync(view, { recursive: true, mode: 0o700 });
  try {
    bind(ctx.deps.snapshots.mount(entry.id), view, mounted);
    await bindPlan(ctx, entry, view, mounted);
    return { root: view, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function bind(source: string, target: string, mounted: string[]): void {
  mount(source, target, null, MS.BIND);
  mounted.push(target);
  mount(null, target, null, MS.PRIVATE);
}

async function bindPlan(ctx: ContainersContext, entry: ContainerEntry, view: string, mounted: string[]): Promise<void> {
  const plan = entry.plan
    .filter(({ type }) => type === 'volume' || type === 'bind')
    .sort((a, b) => a.destination.length - b.destination.length);
  for (const { type, name, source, subpath, destination } of plan) {
    const root = type === 'volume' ? await ctx.deps.volumes.mount(name, entry.id) : source;
    const from = resolveInRoot(root, subpath);
    const to = from === null ? null : makeMountPoint(view, destination);
    if (from !== null && to !== null) bind(from, to, mounted);
  }
}

/** The place of a mount inside the view, made as directories where it is missing; null where something is in the way. */
function makeMountPoint(view: string, destination: string): string | null {
  const found = resolveInRoot(view, destination);
  if (found !== null) return found;
  const parent = makeMountPoint(view, posix.dirname(destination));
  if (parent === null) return null;
  const path = join(parent, posix.basename(destination));
  mkdirSync(path, { mode: 0o755 });
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
