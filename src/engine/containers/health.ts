import { errorMessage } from '../../shared/errors.js';
import { formatRfc3339Nano, nowNs, parseRfc3339Ns } from '../../shared/rfc3339.js';
import type { HealthLogEntry } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { afterProbe, healthPlan, nextProbeMs, STARTING, type HealthPlan } from './health-policy.js';
import { runProbe } from './health-probe.js';
import { changed } from './state-machine.js';

/**
 * Begins probing a container, if it has a health check; `entry.stopHealth` ends it. `known`: it was running before the daemon, so
 * what was known of its health still holds.
 */
export function startHealth(ctx: ContainersContext, entry: ContainerEntry, known = false): void {
  const { config, state } = entry.container;
  const plan = healthPlan(config);
  if (!plan) {
    if (state.health) ctx.registry.setState(entry, changed(state, { health: null }));
    return;
  }
  ctx.registry.setState(entry, changed(state, { health: (known ? state.health : null) ?? STARTING }));
  const abort = new AbortController();
  entry.stopHealth = () => abort.abort();
  schedule(ctx, entry, plan, abort.signal);
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
    nextProbeMs(plan, health, upForMs(entry)),
  );
  timer.unref();
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
}

function upForMs({ container }: ContainerEntry): number {
  return Number((nowNs() - (parseRfc3339Ns(container.state.startedAt) ?? 0n)) / 1_000_000n);
}

async function probe(
  ctx: ContainersContext,
  entry: ContainerEntry,
  plan: HealthPlan,
  signal: AbortSignal,
): Promise<void> {
  if (entry.container.state.paused) return;
  const start = formatRfc3339Nano(nowNs());
  const result = await runProbe(ctx, entry, plan).catch((error: unknown) => ({
    exitCode: -1,
    output: errorMessage(error),
  }));
  if (signal.aborted) return;
  record(ctx, entry, plan, { start, end: formatRfc3339Nano(nowNs()), ...result });
}

function record(ctx: ContainersContext, entry: ContainerEntry, plan: HealthPlan, result: HealthLogEntry): void {
  const { state } = entry.container;
  const before = state.health ?? STARTING;
  const after = afterProbe(plan, before, result, upForMs(entry));
  ctx.registry.setState(entry, changed(state, { health: after }));
  if (after.status !== before.status) emitContainerEvent(ctx, entry, `health_status: ${after.status}`);
}
