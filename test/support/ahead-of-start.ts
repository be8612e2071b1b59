import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { Box } from './box.js';
import { commandLine } from './leak-check.js';
import { poll } from './poll.js';
import type { TestDaemon } from './test-daemon.js';

/**
 * The pids of the shim and of the runtime that wait for a container's start, or of the first process that the runtime has made, which does so
 * then; 0 for one that is not there.
 */
export interface AheadOfStart {
  shim: number;
  runtime: number;
}

/** What waits for the start of a container. */
export function aheadOf(id: string): AheadOfStart {
  const found = { shim: 0, runtime: 0 };
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const inits: number[] = [];
  for (const pid of pids) {
    const line = commandLine(pid);
    if (isInit(line)) inits.push(Number(pid));
    if (!line.includes(id)) continue;
    if (line.includes(' --ahead ')) found.shim = Number(pid);
    else if (/ (run --detach|create) /.test(line)) found.runtime = Number(pid);
  }
  found.runtime ||= inits.find((pid) => found.shim > 0 && parentOf(pid) === found.shim) ?? 0;
  return found;
}

/** Whether it is the command line of a first process that the runtime has made, and that does not run its program yet. */
const isInit = (line: string): boolean => /^(\S*\/)?runc init $/.test(line);

/** Whether the daemon holds a network namespace that is nobody's yet. */
function hasSpareNamespace({ pid }: TestDaemon): boolean {
  return readdirSync(`/proc/${pid}/fd`).some((fd) => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith('net:[');
    } catch {
      return false; // it has been closed meanwhile
    }
  });
}

/** What waits for the start of a container, once that has been created; null where it is not within a second. */
export async function createdAheadOf(id: string): Promise<AheadOfStart | null> {
  const isThere = (): boolean => isInit(commandLine(`${aheadOf(id).runtime}`));
  await poll('a first process that waits', isThere, { timeoutMs: 1000, everyMs: 5 }).catch(() => undefined);
  const found = aheadOf(id);
  return isInit(commandLine(`${found.runtime}`)) ? found : null;
}

/** Whether it was there to be killed. */
export function sigkill(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false; // it has ended meanwhile
  }
}

/** Whether a process has ended, all threads of it, so that its parent has been told. */
export function hasEnded(pid: number): boolean {
  try {
    const isZombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return isZombie && readdirSync(`/proc/${pid}/task`).length === 1;
  } catch {
    return true;
  }
}

/** 0 when it has ended. */
export function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  } catch {
    return 0;
  }
}

/**
 * Creates a container and has `work` done while a shim and a runtime wait for its start. They wait for a moment only, and a slow machine may
 * miss it: then `work` gives null, or was not called, and another container is tried. The containers stay.
 */
export async function whileAhead<T>(
  daemon: TestDaemon,
  create: () => Promise<Box>,
  work: (box: Box, ahead: AheadOfStart) => Promise<T | null>,
): Promise<T> {
  for (let tries = 0; tries < 50; tries++) {
    // a start soon after its create, or nothing is prepared any more
    await (await Box.run(daemon, ['true'])).remove();
    // nothing is created ahead without a network namespace that is ready, which comes a moment later
    await poll('a spare namespace', () => hasSpareNamespace(daemon), { timeoutMs: 1000, everyMs: 5 }).catch(
      () => undefined,
    );
    const box = await create();
    let ahead: AheadOfStart = { shim: 0, runtime: 0 };
    await poll('somebody to wait for the start', () => (ahead = aheadOf(box.id)).runtime > 0, {
      timeoutMs: 1000,
      everyMs: 5,
    }).catch(() => undefined);
    const result = ahead.shim > 0 && ahead.runtime > 0 ? await work(box, ahead) : null;
    if (result !== null) return result;
    await box.remove();
  }
  throw new Error('nobody was ever ahead of a start');
}

/** Until nothing waits for the start of a container any more. */
export const untilNothingIsAhead = (id: string): Promise<unknown> =>
  poll('nothing to be ahead', () => aheadOf(id).shim + aheadOf(id).runtime === 0, { timeoutMs: 60_000 });

/** The root file system that is mounted for a container which nobody has created yet. */
export interface SpareRoot {
  /** What the container will have. */
  id: string;
  path: string;
  mountOptions: string[];
}

/** null: there is none. */
export async function spareRoot(daemon: TestDaemon): Promise<SpareRoot | null> {
  const all = (await daemon.api.get('/containers/json?all=1')).json as { Id: string }[];
  const known = new Set(all.map(({ Id }) => Id));
  // After the list: a container that is removed is unmounted first, but for one that removes itself, which may be taken for it a moment long.
  return overlaysOf(daemon).find(({ id }) => !known.has(id)) ?? null;
}

/** The root file systems that a daemon has mounted for containers. */
export function overlaysOf({ pid, dataRoot }: TestDaemon): SpareRoot[] {
  return readFileSync(`/proc/${pid}/mounts`, 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([type, path]) => type === 'overlay' && path!.startsWith(`${dataRoot}/overlay2/`))
    .map(([, path, , options]) => ({ id: basename(dirname(path!)), path: path!, mountOptions: options!.split(',') }));
}

/**
 * Runs containers until a root file system waits for the next one, and has `work` done with it. It waits for some seconds only: where that was
 * not enough, `work` gives null, and it is all done again.
 */
export async function whileRootIsAhead<T>(
  daemon: TestDaemon,
  runOne: () => Promise<unknown>,
  work: (spare: SpareRoot) => Promise<T | null>,
): Promise<T> {
  const attempt = async (): Promise<{ result: T } | null> => {
    await runOne();
    const spare = await poll('a root for the next', () => spareRoot(daemon), { timeoutMs: 500, everyMs: 10 }).catch(
      () => null,
    );
    const result = spare && (await work(spare));
    return result === null ? null : { result };
  };
  // One for another runtime stays for ten seconds.
  return (await poll('a root for the next that is used', attempt, { timeoutMs: 60_000 })).result;
}
