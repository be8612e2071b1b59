import { mkdirSync } from 'node:fs';
import { mount, MS, umountAll } from '../../host/sys/mount.js';
import type { Container } from './container.js';
import { containerFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';

/** Mounts the /dev/shm of a container whose IPC others may join; for all others the runtime makes one. */
export function mountShm(ctx: ContainersContext, { id, hostConfig }: Container): void {
  if (hostConfig.ipcMode !== 'shareable') return;
  const { shm } = containerFiles(ctx.deps.paths, id);
  mkdirSync(shm, { recursive: true, mode: 0o700 });
  const options = `mode=1777,size=${hostConfig.shmSizeBytes}`;
  mount('shm', shm, 'tmpfs', MS.NOEXEC | MS.NOSUID | MS.NODEV, options);
}

/** Takes it away; none is fine. */
export function unmountShm(ctx: ContainersContext, { id, hostConfig }: Container): void {
  if (hostConfig.ipcMode === 'shareable') umountAll(containerFiles(ctx.deps.paths, id).shm);
}
