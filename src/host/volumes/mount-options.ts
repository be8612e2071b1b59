import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { MS } from '../sys/mount.js';

/** Options of mount(8) that are flags of mount(2): to set, or to clear. */
const FLAGS: Readonly<Record<string, { set?: number; clear?: number }>> = {
  defaults: {},
  bind: { set: MS.BIND },
  rbind: { set: MS.BIND | MS.REC },
  ro: { set: MS.RDONLY },
  rw: { clear: MS.RDONLY },
  nosuid: { set: MS.NOSUID },
  suid: { clear: MS.NOSUID },
  nodev: { set: MS.NODEV },
  dev: { clear: MS.NODEV },
  noexec: { set: MS.NOEXEC },
  exec: { clear: MS.NOEXEC },
  sync: { set: MS.SYNCHRONOUS },
  async: { clear: MS.SYNCHRONOUS },
  dirsync: { set: MS.DIRSYNC },
  noatime: { set: MS.NOATIME },
  atime: { clear: MS.NOATIME },
  nodiratime: { set: MS.NODIRATIME },
  diratime: { clear: MS.NODIRATIME },
  relatime: { set: MS.RELATIME },
  norelatime: { clear: MS.RELATIME },
  strictatime: { set: MS.STRICTATIME },
};

/** What mount(8) has for the user's eyes only. */
const IGNORED: ReadonlySet<string> = new Set(['auto', 'noauto', 'user', 'users', 'nouser', '_netdev', 'nofail']);

/** `o=` of a volume taken apart: flags of mount(2) and what the file system itself is told. */
export function parseMountOptions(text: string): { flags: number; data: string } {
  let flags = 0;
  const data: string[] = [];
  for (const option of text.split(',').filter((one) => one !== '' && !IGNORED.has(one))) {
    const flag = FLAGS[option];
    if (flag) flags = (flags | (flag.set ?? 0)) & ~(flag.clear ?? 0);
    else data.push(option);
  }
  return { flags, data: data.join(',') };
}

/** The options as they may be shown: without a password, in which a comma stands twice. */
export function withoutPassword(text: string): string {
  return text.replace(/(^|,)(password\d?|pass)=(?:[^,]|,,)*/g, '$1$2=********');
}

/** The kernel takes addresses only: `addr=nas.local` becomes `addr=192.0.2.1`. Rejects when the name is unknown. */
export async function resolveAddress(data: string): Promise<string> {
  const name = /(?:^|,)addr=([^,]*)/.exec(data)?.[1];
  if (name === undefined || isIP(name) !== 0) return data;
  const { address } = await lookup(name);
  return data.replace(`addr=${name}`, `addr=${address}`);
}
