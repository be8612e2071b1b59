import { chmodSync, chownSync, readFileSync, rmSync, statSync } from 'node:fs';
import type { ListenOptions, Server } from 'node:net';
import { connect } from 'node:net';
import { conflict, hasCode, invalid } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';

/** Resolves once the server listens; rejects with the system's error. */
export function bindServer(server: Server, options: ListenOptions | { fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/**
 * Listens on a unix socket that is root:`gid` with mode 0660 from the first moment that anybody can connect. A socket file
 * that nobody answers on is replaced; throws conflict when somebody does.
 */
export async function bindUnixServer(server: Server, path: string, gid: number): Promise<void> {
  await removeStaleSocket(path);
  const umask = process.umask(0o777); // nobody gets in before the group is right
  let bound: Promise<void>;
  try {
    bound = bindServer(server, { path }); // bind(2) happens within this call
  } finally {
    process.umask(umask);
  }
  await bound;
  chownSync(path, 0, gid);
  chmodSync(path, 0o660);
}

async function removeStaleSocket(path: string): Promise<void> {
  try {
    if (!statSync(path).isSocket()) throw conflict(`${path} exists and is not a socket`);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  if (await answers(path)) throw conflict(`listen unix ${path}: bind: address already in use`);
  rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}

/**
 * The gid of the socket's group, by name or number. A group that does not exist is root's when it is only the default,
 * and throws invalid when it was asked for.
 */
export function socketGid(group: string, isDefault: boolean, log: Logger, groupFile = '/etc/group'): number {
  if (group === '') return 0;
  if (/^\d+$/.test(group)) return Number(group);
  for (const line of readFileSync(groupFile, 'utf8').split('\n')) {
    const [name, , gid] = line.split(':');
    if (name === group && gid !== undefined) return Number(gid);
  }
  if (!isDefault) throw invalid(`group ${group} not found`);
  log.warn({ group }, 'could not change the group of the socket: group not found');
  return 0;
}

/** File descriptors that systemd handed to this very process; empty without socket activation. Source: sd_listen_fds(3). */
export function activatedFds(env: NodeJS.ProcessEnv = process.env): number[] {
  if (Number(env.LISTEN_PID) !== process.pid) return [];
  return Array.from({ length: Number(env.LISTEN_FDS ?? 0) }, (_, index) => index + 3);
}
