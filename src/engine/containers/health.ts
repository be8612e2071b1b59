import { errorMessage } from '../../shared/errors.js';
import { formatRfc3339Nano, nowNs, parseRfc3339Ns } from '../../shared/rfc3339.js';
import type { HealthLogEntry } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { afterProbe, healthPlan, nextProbeMs, STARTING, type HealthPlan } from './health-policy.js';
import { runProbe } from './health-probe.js';
import { changed, unwatchedHealth } from './state-machine.js';

/**
 * Begins probing a container, if it has a health check; `entry.stopHealth` ends it. `goesOn`: it has been running before this, under
 * an earlier daemon or before a pause, so what is known of its health still holds. A new run starts anew, with the log of those
 * before it, as with dockerd.
 */
export function startHealth(ctx: ContainersContext, entry: ContainerEntry, goesOn = false): void {
  const { config, state } = entry.container;
  const plan = healthPlan(config);
  if (!plan) {
    if (state.health) ctx.registry.setState(entry, changed(state, { health: null }));
    return;
  }
  const known = state.health ?? STARTING;
  ctx.registry.setState(entry, changed(state, { health: goesOn ? known : { ...STARTING, log: known.log } }));
  entry.stopHealth?.();
  const abort = new AbortController();
  entry.stopHealth = () => abort.abort();
  schedule(ctx, entry, plan, abort.signal);
}

/** Ends the probes of a container that is paused. */
export function pauseHealth(ctx: ContainersContext, entry: ContainerEntry): void {
  entry.stopHealth?.();
  entry.stopHealth = null;
  const { state } = entry.container;
  if (state.health) ctx.registry.setState(entry, changed(state, { health: unwatchedHealth(state.health) }));
}

function schedule(ctx: ContainersContext, entry: ContainerEntry, plan: HealthPlan, signal: AbortSignal): void {
  const health = entry.container.state.health ?? STARTING;
  const timer = setTimeout(
    () => {
      probe(ctx, entry, plan, signal)
        .catch((err: unknown) => ctx.deps.log.error({ err, container: entry.id }, 'health probe failed'))
        .finally(() => {
          if (!signal.aborted) schedule(ctx, entry, plan, signal);
        });
    },
    nextProbeMs(plan, health, upForMs(entry, nowNs())),
  );
  timer.unref();
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

function upForMs({ container }: ContainerEntry, atNs: bigint): number {
  return Number((atNs - (parseRfc3339Ns(container.state.startedAt) ?? 0n)) / 1_000_000n);
}

async function probe(
  ctx: ContainersContext,
  entry: ContainerEntry,
  plan: HealthPlan,
  signal: AbortSignal,
): Promise<void> {
  const startNs = nowNs();
  const result = await runProbe(ctx, entry, plan, signal).catch((error: unknown) => ({
    exitCode: -1,
    output: errorMessage(error),
  }));
  if (signal.aborted) return;
  const times = { start: formatRfc3339Nano(startNs), end: formatRfc3339Nano(nowNs()) };
  record(ctx, entry, plan, { ...times, ...result }, upForMs(entry, startNs));
}

function record(
  ctx: ContainersContext,
  entry: ContainerEntry,
  plan: HealthPlan,
  result: HealthLogEntry,
  upForMsAtStart: number,
): void {
  const { state } = entry.container;
  const before = state.health ?? STARTING;
  const after = afterProbe(plan, before, result, upForMsAtStart);
  ctx.registry.setState(entry, changed(state, { health: after }));
  if (after.status !== before.status) emitContainerEvent(ctx, entry, `health_status: ${after.status}`);
}
