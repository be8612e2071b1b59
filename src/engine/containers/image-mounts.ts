import { existsSync, mkdirSync, readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { MNT_DETACH, umountAll } from '../../host/sys/mount.js';
import type { ContainerEntry } from './container-entry.js';
import { containerFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import type { PlannedMount } from './planned-mount.js';

const PREFIX = 'image-';

/** Where the file system of the image that a container mounts at a place is shown on the host while the container runs. */
export function imageMountPath(ctx: ContainersContext, containerId: string, index: number): string {
  return join(containerFiles(ctx.deps.paths, containerId).directory, `${PREFIX}${index}`);
}

/** Mounts an image's file system, read-only, for a container that starts; `unmountImages` takes it away. Returns where. */
export function mountImage(ctx: ContainersContext, mount: PlannedMount): string {
  const { chainIds } = ctx.deps.images.inspect(mount.imageId ?? mount.name);
  umountAll(mount.source, MNT_DETACH);
  mkdirSync(mount.source, { recursive: true, mode: 0o755 });
  ctx.deps.snapshots.mountReadOnly(chainIds, mount.source);
  return mount.source;
}

/** Takes all of a container's image mounts away; none is fine. */
export function unmountImages(ctx: ContainersContext, { id, plan }: ContainerEntry): void {
  const { directory } = containerFiles(ctx.deps.paths, id);
  if (!plan.some(({ type }) => type === 'image') || !existsSync(directory)) return;
  for (const name of readdirSync(directory)) {
    if (!name.startsWith(PREFIX)) continue;
    const path = join(directory, name);
    umountAll(path, MNT_DETACH);
    rmdirSync(path);
  }
}
