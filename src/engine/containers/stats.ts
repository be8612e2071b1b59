import { readFileSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { readCgroupSample } from '../../host/cgroup/cgroup-sample.js';
import { errorKind, hasCode } from '../../shared/errors.js';
import { nowNs } from '../../shared/rfc3339.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { emptyStats, statsObject, type StatsSample } from './stats-object.js';

const INTERVAL_MS = 1000;
const NS_PER_TICK = 1e7;
/** Subscribers of the same container share a look that is not older than this. */
const FRESH_NS = 500_000_000n;

const latest = new WeakMap<ContainerEntry, StatsSample>();

/**
 * Samples of a container. Streaming: one a second until the container is removed or the signal aborts; not streaming: one with a
 * load (two looks, a second apart), or with `oneShot` at once and without. Ends without an error when aborted.
 */
export function containerStats(
  ctx: ContainersContext,
  ref: string,
  options: { stream: boolean; oneShot: boolean },
  signal: AbortSignal,
): AsyncIterable<object> {
  const entry = ctx.registry.find(ref);
  return options.stream ? stream(ctx, entry, signal) : once(ctx, entry, options.oneShot, signal);
}

async function* once(
  ctx: ContainersContext,
  entry: ContainerEntry,
  oneShot: boolean,
  signal: AbortSignal,
): AsyncGenerator<object> {
  const first = look(ctx, entry);
  if (first && !oneShot && !(await pause(signal))) return;
  const second = oneShot ? first : look(ctx, entry);
  yield second ? statsObject(entry.name, entry.id, second, oneShot ? null : first) : emptyStats(entry.name, entry.id);
}

async function* stream(ctx: ContainersContext, entry: ContainerEntry, signal: AbortSignal): AsyncGenerator<object> {
  let before: StatsSample | null = null;
  let saidEmpty = false;
  while (ctx.registry.get(entry.id) === entry && !signal.aborted) {
    const now = look(ctx, entry);
    if (now) yield statsObject(entry.name, entry.id, now, before);
    else if (!saidEmpty) yield emptyStats(entry.name, entry.id);
    saidEmpty = now === null;
    before = now;
    if (!(await pause(signal))) return;
  }
}

/** A second; false when aborted meanwhile. */
async function pause(signal: AbortSignal): Promise<boolean> {
  try {
    await delay(INTERVAL_MS, undefined, { signal });
    return true;
  } catch (error) {
    if (errorKind(error) === 'cancelled' || signal.aborted) return false;
    throw error;
  }
}

/** null: it does not run. */
function look(ctx: ContainersContext, entry: ContainerEntry): StatsSample | null {
  const { state } = entry.container;
  if (!state.running || state.restarting) return null;
  const timeNs = nowNs();
  const shared = latest.get(entry);
  if (shared && timeNs - shared.timeNs < FRESH_NS) return shared;
  try {
    const sample = {
      timeNs,
      cgroup: readCgroupSample(ctx.deps.cgroupLayout, state.pid),
      systemCpuNs: systemCpuNs(readFileSync('/proc/stat', 'latin1')),
      onlineCpus: availableParallelism(),
      hostMemoryBytes: totalmem(),
      networks: interfaces(readFileSync(`/proc/${state.pid}/net/dev`, 'latin1')),
    };
    latest.set(entry, sample);
    return sample;
  } catch (error) {
    // It has just ended.
    if (hasCode(error, 'ENOENT', 'ESRCH', 'ENODEV')) return null;
    throw error;
  }
}

/** Time of all processors in all modes, guest time not counted twice. Source: proc_stat(5). */
export function systemCpuNs(procStat: string): number {
  const fields = /^cpu +(.*)$/m.exec(procStat)?.[1]?.split(' ').map(Number) ?? [];
  return fields.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0) * NS_PER_TICK;
}

/** Counters by interface, without the loopback. Source: proc_pid_net(5). */
export function interfaces(netDev: string): Record<string, Record<string, number>> {
  const result: Record<string, Record<string, number>> = {};
  for (const line of netDev.split('\n').slice(2)) {
    const [name = '', counters = ''] = line.split(':').map((part) => part.trim());
    if (name === '' || name === 'lo') continue;
    const [rxBytes, rxPackets, rxErrors, rxDropped, , , , , txBytes, txPackets, txErrors, txDropped] = counters
      .split(/\s+/)
      .map(Number);
    result[name] = {
      rx_bytes: rxBytes ?? 0,
      rx_packets: rxPackets ?? 0,
      rx_errors: rxErrors ?? 0,
      rx_dropped: rxDropped ?? 0,
      tx_bytes: txBytes ?? 0,
      tx_packets: txPackets ?? 0,
      tx_errors: txErrors ?? 0,
      tx_dropped: txDropped ?? 0,
    };
  }
  return result;
}
