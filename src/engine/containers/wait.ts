import { invalid } from '../../shared/errors.js';
import type { WaitCondition, WaitResult } from './container.js';
import type { ContainersContext } from './containers-context.js';

/** Registers a wait; it is in place when this returns, so that a start after it can't be missed. */
export function waitForContainer(
  ctx: ContainersContext,
  ref: string,
  condition: WaitCondition,
  signal: AbortSignal,
): { done: Promise<WaitResult> } {
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
