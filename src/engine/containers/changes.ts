import type { Readable } from 'node:stream';
import { packDirectory } from '../../host/archive/pack-directory.js';
import { conflict } from '../../shared/errors.js';
import { closeAfter } from './archive.js';
import type { ContainersContext } from './containers-context.js';
import { emitContainerEvent } from './containers-context.js';
import { closeView } from './root-view.js';

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
  const close = (): Promise<void> => closeView(ctx, entry);
  try {
    await ctx.ahead.touch(ctx, entry);
    await entry.unmounting;
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
