import type { Readable } from 'node:stream';
import { packDirectory } from '../../host/archive/pack-directory.js';
import { conflict } from '../../shared/errors.js';
import { closeAfter } from './archive.js';
import type { ContainersContext } from './containers-context.js';
import { emitContainerEvent } from './containers-context.js';
import { unmountRoot } from './release-run.js';

/** What the container changed in its root file system. */
export async function listContainerChanges(
  ctx: ContainersContext,
  ref: string,
): Promise<{ path: string; kind: 0 | 1 | 2 }[]> {
  return ctx.deps.snapshots.changes(ctx.registry.find(ref).id);
}

/** The whole root file system, without volumes, as a tar stream. */
export async function exportContainer(ctx: ContainersContext, ref: string, signal: AbortSignal): Promise<Readable> {
  const entry = ctx.registry.find(ref);
  if (entry.container.state.dead) {
    throw conflict(`you cannot export container ${entry.id} which is dead`);
  }
  entry.views++;
  const close = async (): Promise<void> => {
    entry.views--;
    if (!entry.run) unmountRoot(ctx, entry);
  };
  try {
    const root = ctx.deps.snapshots.mount(entry.id);
    const stream = packDirectory(root, { signal });
    closeAfter(ctx, entry, stream, { root, close });
    emitContainerEvent(ctx, entry, 'export');
    return stream;
  } catch (error) {
    await close();
    throw error;
  }
}
