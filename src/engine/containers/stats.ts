import type { ContainersContext } from './containers-context.js';

/** Placeholder until the sampling loop is in: fails with not-implemented at the first iteration. */
export async function* containerStats(
  ctx: ContainersContext,
  ref: string,
  _options: { stream: boolean; oneShot: boolean },
  _signal: AbortSignal,
): AsyncGenerator<object> {
  ctx.registry.find(ref);
}
