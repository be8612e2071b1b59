import { notFound } from '../../shared/errors.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';

/** A container that nobody else changes until `using` lets it go. */
export interface HeldContainer extends Disposable {
  readonly entry: ContainerEntry;
}

/** Waits for a container's lock. Throws not-found when there is no such container, or when it was removed while this waited. */
export async function holdContainer(ctx: ContainersContext, ref: string): Promise<HeldContainer> {
  const entry = ctx.registry.find(ref);
  const lock = await ctx.locks.acquire(entry.id);
  if (ctx.registry.get(entry.id) === entry) return { entry, [Symbol.dispose]: () => lock[Symbol.dispose]() };
  lock[Symbol.dispose]();
  throw notFound(`No such container: ${ref}`);
}
