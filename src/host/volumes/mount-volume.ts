import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { errorMessage } from '../../shared/errors.js';
import { mount, MNT_DETACH, mounts, umount, UMOUNT_NOFOLLOW } from '../sys/mount.js';
import { parseMountOptions, resolveAddress } from './mount-options.js';

const run = promisify(execFile);

/** File systems that answer at once; mounting others may block for as long as a server does not answer. */
const LOCAL_TYPES: ReadonlySet<string> = new Set([
  '',
  'none',
  'bind',
  'tmpfs',
  'ext4',
  'xfs',
  'btrfs',
  'overlay',
  'ramfs',
]);

/**
 * Mounts what a volume's options `type`, `device` and `o` name on its directory. Rejects with dockerd's words. Network
 * file systems are mounted by a child process, so that a dead server stops nobody else.
 */
export async function mountVolume(target: string, options: Record<string, string>): Promise<void> {
  const { type = '', device = '', o = '' } = options;
  const { flags, data } = parseMountOptions(o);
  try {
    if (LOCAL_TYPES.has(type)) mount(device, target, type, flags, data === '' ? null : data);
    else await mountInChild(target, type, device, o);
  } catch (cause) {
    const shownData = data === '' ? '' : `, data: ${data}`;
    throw new Error(
      `error while mounting volume '${target}': failed to mount local volume: ` +
        `mount ${device}:${target}${shownData}: ${reason(cause)}`,
      { cause },
    );
  }
}

async function mountInChild(target: string, type: string, device: string, o: string): Promise<void> {
  const options = await resolveAddress(o);
  // -i: not through mount.nfs and the like, which need not be installed; the kernel does it, as for dockerd.
  await run('mount', ['-i', '-t', type, ...(options === '' ? [] : ['-o', options]), device, target], {
    timeout: 120_000,
  });
}

function reason(cause: unknown): string {
  const text = errorMessage(cause);
  // `ENODEV: no such device, mount '/x'` -> what dockerd shows.
  return /^E[A-Z0-9]+: ([^,]+),/.exec(text)?.[1] ?? text.trim();
}

/** Whether something is mounted exactly there. */
export function isMountPoint(path: string): boolean {
  return mounts().some((one) => one.mountPoint === path);
}

/** Unmounts; nothing mounted is fine. A busy file system goes as soon as nobody uses it. */
export function unmountVolume(target: string): void {
  if (isMountPoint(target)) umount(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}
