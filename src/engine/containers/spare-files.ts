import { mkdirSync, rmSync } from 'node:fs';
import type { Container } from './container.js';
import { containerFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { makeNetworkFiles } from './network-files.js';

/**
 * Makes on the disk what a container yet to be created is likely to have, being of the same image as this one: its directory, the files that
 * are bound into it, still empty, and its root file system, mounted. false: the image is gone. Nothing is left when it throws.
 */
export function makeSpareFiles(ctx: ContainersContext, id: string, like: Container): boolean {
  const image = like.imageId === '' ? null : ctx.deps.images.find(like.imageId);
  if (!image) return false;
  const { directory, hostname, hosts, resolvConf } = containerFiles(ctx.deps.paths, id);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o710 });
    makeNetworkFiles({ hostnamePath: hostname, hostsPath: hosts, resolvConfPath: resolvConf });
    ctx.deps.snapshots.prepare(id, image.chainIds, { isVolatile: like.hostConfig.autoRemove });
    return true;
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  }
}

/** Removes them, while no container has been created that they are of. Missing ones are fine. */
export function removeSpareFiles({ deps }: ContainersContext, id: string): Promise<void> {
  return deps.snapshots.remove(id, containerFiles(deps.paths, id).directory);
}
