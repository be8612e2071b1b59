import type { Container } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { launchContainer } from './launch.js';
import { changed } from './state-machine.js';

/**
 * Starts containers at boot, each when those that it links to, or whose namespaces it joins, have been tried. Goes on after it has
 * returned; failures are logged.
 */
export function startInOrder(ctx: ContainersContext, entries: readonly ContainerEntry[]): void {
  const started = new Map<ContainerEntry, Promise<void>>();
  const start = (entry: ContainerEntry, dependents: readonly ContainerEntry[]): Promise<void> => {
    // In a circle nobody can be first.
    if (dependents.includes(entry)) return Promise.resolve();
    let promise = started.get(entry);
    if (!promise) {
      const needed = entries.filter((other) => dependsOn(entry.container, other.container));
      promise = Promise.all(needed.map((other) => start(other, [...dependents, entry]))).then(() =>
        startAtBoot(ctx, entry),
      );
      started.set(entry, promise);
    }
    return promise;
  };
  for (const entry of entries) void start(entry, []);
}

/** Whether a container can't run without another one. */
export function dependsOn({ hostConfig }: Container, { id, name }: Pick<Container, 'id' | 'name'>): boolean {
  const modes = [hostConfig.networkMode, hostConfig.ipcMode, hostConfig.pidMode]
    .filter((mode) => mode.startsWith('container:'))
    .map((mode) => mode.slice('container:'.length));
  const links = hostConfig.links.map((link) => link.split(':', 1)[0] ?? '');
  return [...modes, ...links].some(
    (ref) => ref.replace(/^\//, '') === name || (ref.length >= 12 && id.startsWith(ref)),
  );
}

/** Never throws. */
async function startAtBoot(ctx: ContainersContext, entry: ContainerEntry): Promise<void> {
  try {
    using _lock = await ctx.locks.acquire(entry.id);
    if (entry.container.state.running || ctx.stopping || ctx.registry.get(entry.id) !== entry) return;
    ctx.registry.setState(entry, changed(entry.container.state, { manuallyStopped: false }));
    await launchContainer(ctx, entry);
  } catch (err) {
    ctx.deps.log.error({ err, container: entry.id }, 'cannot start a container at boot');
  }
}
