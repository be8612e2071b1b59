import { closeSync, constants, type Dir, opendirSync, openSync } from 'node:fs';
import { rmdir, unlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { O_PATH, openat2, RESOLVE } from '../sys/openat2.js';
import { binaryName, pathIn, sysName } from './binary-name.js';

const DIRECTORY_FLAGS = O_PATH | constants.O_DIRECTORY;

/** One call: of an entry of an open directory. */
interface Step {
  directoryFd: number;
  name: string;
  isDirectory: boolean;
}

/** What has been found of a tree. */
interface Plan {
  readonly steps: Step[];
  readonly opened: number[];
}

/**
 * Removes a tree of a few entries, following no link and entering no mount, and without a thread of our own, which costs more than all of it: what
 * may wait for the disk's journal is done on libuv's. false: it is larger than `maxEntries`, is missing, or something is in the way; part of
 * it may be gone then. Never rejects.
 */
export async function removeSmallTree(path: string, maxEntries: number): Promise<boolean> {
  const plan: Plan = { steps: [], opened: [] };
  try {
    const parentFd = openSync(dirname(path), DIRECTORY_FLAGS);
    plan.opened.push(parentFd);
    if (!addDirectory(plan, { directoryFd: parentFd, name: binaryName(basename(path)), maxEntries })) return false;
    for (const { directoryFd, name, isDirectory } of plan.steps) {
      const target = pathIn(directoryFd, name);
      await (isDirectory ? rmdir(target) : unlink(target));
    }
    return true;
  } catch {
    // who removes it some other way is told
    return false;
  } finally {
    for (const fd of plan.opened) closeSync(fd);
  }
}

/** Adds what removes a directory, its entries before itself; whether all of it fits. */
function addDirectory(
  plan: Plan,
  { directoryFd, name, maxEntries }: { directoryFd: number; name: string; maxEntries: number },
): boolean {
  // A directory counts before its entries, so that a tree as deep as a program likes is not gone through to its bottom.
  if (plan.opened.length > maxEntries) return false;
  const flags = DIRECTORY_FLAGS | constants.O_NOFOLLOW;
  const fd = openat2(directoryFd, sysName(name), { flags, resolve: RESOLVE.BENEATH | RESOLVE.NO_XDEV });
  plan.opened.push(fd);
  const directory = opendirSync(`/proc/self/fd/${fd}`, { encoding: 'latin1' });
  try {
    if (!addEntries(plan, directory, { fd, maxEntries })) return false;
  } finally {
    directory.closeSync();
  }
  plan.steps.push({ directoryFd, name, isDirectory: true });
  return plan.steps.length <= maxEntries;
}

function addEntries(plan: Plan, directory: Dir, { fd, maxEntries }: { fd: number; maxEntries: number }): boolean {
  for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
    const { name } = entry;
    if (plan.steps.length >= maxEntries) return false;
    if (!entry.isDirectory()) plan.steps.push({ directoryFd: fd, name, isDirectory: false });
    else if (!addDirectory(plan, { directoryFd: fd, name, maxEntries })) return false;
  }
  return true;
}
