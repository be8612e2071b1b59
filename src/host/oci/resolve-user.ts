import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { hasCode, invalid } from '../../shared/errors.js';
import { openat2, RESOLVE } from '../sys/openat2.js';
import type { ResolvedUser } from './process-input.js';

interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const MAX_ID = 2 ** 31 - 1;
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/**
 * Finds who `user[:group]` (names or numbers, '' is root) is by the container's own /etc/passwd and /etc/group, read
 * without following a link out of the root file system. Numbers need no entry in either file.
 * Errors: invalid `unable to find user x: no matching entries in passwd file` and the like.
 */
export function resolveUser(
  rootfs: string,
  userText: string,
  groupAdd: readonly string[],
): ResolvedUser & { home: string } {
  const rootFd = openSync(rootfs, constants.O_DIRECTORY | constants.O_RDONLY);
  try {
    const passwd = parsePasswd(readInRoot(rootFd, '/etc/passwd'));
    const groups = parseGroup(readInRoot(rootFd, '/etc/group'));
    return decideUser(userText, groupAdd, passwd, groups);
  } finally {
    closeSync(rootFd);
  }
}

/** The decision alone, for files already read. */
export function decideUser(
  userText: string,
  groupAdd: readonly string[],
  passwd: readonly PasswdEntry[],
  groups: readonly GroupEntry[],
): ResolvedUser & { home: string } {
  const colon = userText.indexOf(':');
  const userPart = colon < 0 ? userText : userText.slice(0, colon);
  const groupPart = colon < 0 ? '' : userText.slice(colon + 1);
  const entry = passwd.find((candidate) => candidate.name === userPart || String(candidate.uid) === (userPart || '0'));
  const uid = entry?.uid ?? numericId(userPart || '0');
  if (uid === null) throw invalid(`unable to find user ${userPart}: no matching entries in passwd file`);

  const gid = groupPart ? groupId(groupPart, groups) : (entry?.gid ?? 0);
  const additional = new Set<number>([gid]);
  // Only a user who did not choose a group brings the groups that list it as a member.
  if (!groupPart && entry) {
    for (const group of groups) if (group.members.includes(entry.name)) additional.add(group.gid);
  }
  for (const name of groupAdd) additional.add(groupId(name, groups));
  return { uid, gid, additionalGids: [...additional], home: entry?.home ?? '/' };
}

function groupId(name: string, groups: readonly GroupEntry[]): number {
  const found = groups.find((group) => group.name === name || String(group.gid) === name)?.gid ?? numericId(name);
  if (found === null) throw invalid(`unable to find group ${name}: no matching entries in group file`);
  return found;
}

function numericId(text: string): number | null {
  if (!/^-?\d+$/.test(text)) return null;
  const id = Number(text);
  if (id < 0 || id > MAX_ID) throw invalid(`uids and gids must be in range 0-${MAX_ID}`);
  return id;
}

/** '' when the file is not there. */
function readInRoot(rootFd: number, path: string): string {
  let fd: number;
  try {
    fd = openat2(rootFd, path, { flags: constants.O_RDONLY | constants.O_NONBLOCK, resolve: RESOLVE.IN_ROOT });
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return '';
    throw error;
  }
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > MAX_FILE_BYTES) return '';
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

const lines = (text: string): string[][] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.split(':'));

/** Source: passwd(5). */
export function parsePasswd(text: string): PasswdEntry[] {
  return lines(text).flatMap(([name = '', , uid = '', gid = '', , home = '']) =>
    /^\d+$/.test(uid) ? [{ name, uid: Number(uid), gid: Number(gid) || 0, home: home || '/' }] : [],
  );
}

/** Source: group(5). */
export function parseGroup(text: string): GroupEntry[] {
  return lines(text).flatMap(([name = '', , gid = '', members = '']) =>
    /^\d+$/.test(gid) ? [{ name, gid: Number(gid), members: members.split(',').filter(Boolean) }] : [],
  );
}
