import { invalid } from '../../shared/errors.js';
import type { WaitCondition, WaitResult } from './container.js';
import type { ContainersContext } from './containers-context.js';

/**
 * Registers a wait; it is in place when this returns, so that a start after it can't be missed. One that comes a moment after a
 * container has removed itself is told how that ended.
 */
export function waitForContainer(
  ctx: ContainersContext,
  ref: string,
  condition: WaitCondition,
  signal: AbortSignal,
): { done: Promise<WaitResult> } {
  const gone = condition === 'next-exit' || ctx.registry.get(ref) ? null : ctx.recentExits.get(ref);
  if (gone) return { done: Promise.resolve(gone) };
  const entry = ctx.registry.find(ref);
  const { state } = entry.container;
  switch (condition) {
    case 'not-running':
      if (!state.running) return { done: Promise.resolve({ statusCode: state.exitCode, error: state.error }) };
      return { done: entry.waiters.nextExit(signal) };
    case 'next-exit':
      return { done: entry.waiters.nextExit(signal) };
    case 'removed':
      return { done: entry.waiters.removal(signal) };
    default:
      throw invalid(`invalid condition: "${String(condition)}"`);
  }
}
