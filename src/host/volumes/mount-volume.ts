import { execFile, type ExecFileException } from 'node:child_process';
import { promisify } from 'node:util';
import { errorMessage } from '../../shared/errors.js';
import { mount, MNT_DETACH, mounts, umount, UMOUNT_NOFOLLOW } from '../sys/mount.js';
import { parseMountOptions, resolveAddress, withoutPassword } from './mount-options.js';

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
export async function mountVolume(target: string, driverOpts: Record<string, string>): Promise<void> {
  const { type = '', device = '', o = '' } = driverOpts;
  const { flags, data } = parseMountOptions(o);
  const failed = `error while mounting volume '${target}'`;
  const isLocal = LOCAL_TYPES.has(type);
  const options = isLocal ? o : await resolveOptions(failed, o);
  try {
    if (isLocal) mount(device, target, type, flags, data === '' ? null : data);
    else await mountInChild(target, type, device, options);
  } catch (error) {
    const shownData = data === '' ? '' : `, data: ${withoutPassword(data)}`;
    // Without the cause, which has the whole command with its options in it.
    throw new Error(`${failed}: failed to mount local volume: mount ${device}:${target}${shownData}: ${reason(error)}`);
  }
}

async function resolveOptions(failed: string, o: string): Promise<string> {
  try {
    return await resolveAddress(o);
  } catch (cause) {
    throw new Error(`${failed}: error resolving passed in network volume address: ${errorMessage(cause)}`, { cause });
  }
}

async function mountInChild(target: string, type: string, device: string, options: string): Promise<void> {
  // -i: not through mount.nfs and the like, which need not be installed; the kernel does it, as for dockerd.
  await run('mount', ['-i', '-t', type, ...(options === '' ? [] : ['-o', options]), device, target], {
    timeout: 120_000,
  });
}

/** What dockerd shows: `no such device` of `ENODEV: no such device, mount '/x'`, and of what mount(8) says. */
function reason(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : null;
  if (said === null) return /^E[A-Z0-9]+: ([^,]+),/.exec(errorMessage(error))?.[1] ?? errorMessage(error).trim();
  if (said.includes('unknown filesystem type')) return 'no such device';
  const [line = ''] = said.split('\n', 1);
  const text = line.replace(/^mount: (?:[^:]*: )?/, '').trim();
  if (text !== '') return text;
  const { code, killed } = error as ExecFileException;
  if (killed) return 'connection timed out';
  if (code === 'ENOENT') return 'the program mount is missing';
  return typeof code === 'number' ? `mount: exit status ${code}` : `mount: ${code}`;
}

/** Whether something is mounted exactly there. */
export function isMountPoint(path: string): boolean {
  return mounts().some((one) => one.mountPoint === path);
}

/** Unmounts; nothing mounted is fine. A busy file system goes as soon as nobody uses it. */
export function unmountVolume(target: string): void {
  if (isMountPoint(target)) umount(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}
