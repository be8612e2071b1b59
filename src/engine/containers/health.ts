import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';

/** Begins probing a container that has just started, if it has a health check. */
export function startHealth(_ctx: ContainersContext, _entry: ContainerEntry): void {}
