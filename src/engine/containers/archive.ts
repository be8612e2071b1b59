import { finished, type Readable } from 'node:stream';
import { archivePath } from '../../host/archive/archive-path.js';
import { prepareArchiveWorker } from '../../host/archive/archive-workers.js';
import { extractIntoRoot } from '../../host/archive/extract-into-root.js';
import { resolvedPath, statPath, type PathStat as HostPathStat } from '../../host/archive/stat-path.js';
import { errorKind, errorMessage, forbidden, invalid, notFound } from '../../shared/errors.js';
import type { Container } from './container.js';
import type { PathStat } from './container-service.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { openRootView, runningRoot, type RootView } from './root-view.js';

/** Looks at a path in a container, running or not. */
export async function statContainerPath(ctx: ContainersContext, ref: string, path: string): Promise<PathStat> {
  const entry = ctx.registry.find(ref);
  prepareArchiveWorker(); // clients look before they copy
  const view = await openRootView(ctx, entry);
  try {
    const stat = statPath(view.root, checkedPath(path));
    if (!stat) throw missing(ref, path);
    return toWire(stat);
  } finally {
    await view.close();
  }
}

/** A path of a container as a tar stream. */
export async function getArchive(
  ctx: ContainersContext,
  ref: string,
  path: string,
  signal: AbortSignal,
): Promise<{ stat: PathStat; tar: Readable }> {
  const entry = ctx.registry.find(ref);
  const wanted = checkedPath(path);
  const view = await openRootView(ctx, entry, { isOwn: holdsKernel(entry, wanted) });
  try {
    const { stat, stream } = archivePath(view.root, wanted, { signal });
    closeAfter(ctx, entry, stream, view);
    emitContainerEvent(ctx, entry, 'archive-path');
    return { stat: toWire(stat), tar: stream };
  } catch (error) {
    await view.close();
    throw errorKind(error) === 'not-found' ? missing(ref, path) : error;
  }
}

/**
 * Whether a path of a running container is, or holds, what the kernel shows there. That is no content: it has neither sizes nor an end,
 * and dockerd does not copy it either.
 */
function holdsKernel(entry: ContainerEntry, path: string): boolean {
  const root = runningRoot(entry);
  return root !== null && /^\/(?:(?:proc|sys)(?:\/.*)?|dev)?$/s.test(resolvedPath(root, path));
}

/** Keeps a view as long as something streams out of it. */
export function closeAfter(ctx: ContainersContext, entry: ContainerEntry, stream: Readable, view: RootView): void {
  finished(stream, () => {
    view.close().catch((err: unknown) => ctx.deps.log.error({ err, container: entry.id }, 'cannot take down a view'));
  });
}

/** Extracts a tar (compressed or not) into a directory of a container. */
export async function putArchive(
  ctx: ContainersContext,
  ref: string,
  path: string,
  tar: Readable,
  options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
  signal: AbortSignal,
): Promise<void> {
  const entry = ctx.registry.find(ref);
  const view = await openRootView(ctx, entry);
  try {
    const stat = statPath(view.root, checkedPath(path).endsWith('/') ? path : `${path}/.`);
    if (!stat) throw missing(ref, path);
    if (!stat.isDirectory) throw invalid('extraction point is not a directory');
    refuseReadOnly(entry.container, resolvedPath(view.root, path));
    const owner = options.copyUidGid ? userOf(ctx, entry, view) : undefined;
    await extractIntoRoot(view.root, path, tar, {
      noOverwriteDirNonDir: options.noOverwriteDirNonDir,
      owner,
      signal,
    });
    emitContainerEvent(ctx, entry, 'extract-to-dir');
  } catch (error) {
    // An entry (a hard link) may name what is not there; dockerd then says so of the whole.
    if (error instanceof Error && error.message.endsWith(': no such file or directory')) {
      throw notFound(missing(ref, path).message, error);
    }
    // A path that says itself that it is a directory is told what it is instead, as by dockerd.
    if (!path.endsWith('/') && error instanceof Error && error.message.endsWith(': not a directory')) {
      throw invalid('extraction point is not a directory', error);
    }
    throw error;
  } finally {
    await view.close();
  }
}

function userOf(ctx: ContainersContext, entry: ContainerEntry, view: RootView): { uid: number; gid: number } {
  const { user } = entry.container.config;
  try {
    const { uid, gid } = ctx.deps.oci.resolveUser(view.root, user, []);
    return { uid, gid };
  } catch (error) {
    if (errorKind(error) !== 'invalid') throw error;
    const why = errorMessage(error).split(': ').at(-1) ?? '';
    throw invalid(`failed to look up user ${JSON.stringify(user)} in container: ${why}`, error);
  }
}

/** A path may lie in a mount or in the root file system; each may be read-only. */
function refuseReadOnly({ hostConfig, mounts }: Container, path: string): void {
  const holder = mounts
    .filter(({ destination }) => path === destination || path.startsWith(`${destination}/`))
    .sort((a, b) => b.destination.length - a.destination.length)[0];
  if (holder && !holder.rw) throw forbidden('mounted volume is marked read-only');
  if (!holder && hostConfig.readonlyRootfs) throw forbidden('container rootfs is marked read-only');
}

function checkedPath(path: string): string {
  if (path === '') throw invalid('bad parameter: pathcannot be empty');
  return path;
}

function missing(ref: string, path: string): Error {
  return notFound(`Could not find the file ${path} in container ${ref}`);
}

function toWire({ name, sizeBytes, mode, mtime, linkTarget }: HostPathStat): PathStat {
  return { name, sizeBytes, mode, mtime, linkTarget };
}
