import { readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { CgroupLayout } from '../../host/cgroup/cgroup-layout.js';
import { readCgroupSample } from '../../host/cgroup/cgroup-sample.js';
import { hasCode } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { nowNs } from '../../shared/rfc3339.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { SampleClock } from './sample-clock.js';
import { emptyStats, statsObject, type StatsSample } from './stats-object.js';

const NS_PER_TICK = 1e7;

/** The one clock of all who watch containers. */
export type StatsClock = SampleClock<ContainerEntry, StatsSample>;

export function createStatsClock(cgroups: CgroupLayout, log: Logger): StatsClock {
  return new SampleClock((entry) => {
    try {
      return look(cgroups, entry);
    } catch (err) {
      // One that has just ended is nothing to talk about; and no other watcher is to suffer from one.
      if (!hasCode(err, 'ENOENT', 'ESRCH', 'ENODEV')) log.warn({ err, container: entry.id }, 'cannot read statistics');
      return null;
    }
  });
}

/**
 * Samples of a container. Streaming: one a second until the container is removed or the signal aborts; not streaming: one with a
 * load (two looks, about a second apart), or with `oneShot` at once and without. One that does not run is all zeros. Ends
 * without an error when aborted.
 */
export function containerStats(
  ctx: ContainersContext,
  clock: StatsClock,
  ref: string,
  options: { stream: boolean; oneShot: boolean },
  signal: AbortSignal,
): AsyncIterable<object> {
  const entry = ctx.registry.find(ref);
  const samples = clock.watch(entry, signal);
  return options.stream ? stream(ctx, entry, samples) : once(entry, samples, options.oneShot);
}

type Samples = AsyncIterable<StatsSample | null>;

const objectOf = ({ name, id }: ContainerEntry, now: StatsSample | null, before: StatsSample | null): object =>
  now ? statsObject(name, id, now, before) : emptyStats(name, id);

async function* once(entry: ContainerEntry, samples: Samples, oneShot: boolean): AsyncGenerator<object> {
  let before: StatsSample | null = null;
  for await (const now of samples) {
    if (now && !before && !oneShot) {
      before = now;
      continue;
    }
    yield objectOf(entry, now, before);
    return;
  }
}

async function* stream(ctx: ContainersContext, entry: ContainerEntry, samples: Samples): AsyncGenerator<object> {
  let before: StatsSample | null = null;
  for await (const now of samples) {
    if (ctx.registry.get(entry.id) !== entry) return;
    yield objectOf(entry, now, before);
    before = now;
  }
}

/** null: it does not run. */
function look(cgroups: CgroupLayout, entry: ContainerEntry): StatsSample | null {
  const { state } = entry.container;
  if (!state.running || state.restarting) return null;
  return {
    timeNs: nowNs(),
    cgroup: readCgroupSample(cgroups, state.pid, entry.id),
    systemCpuNs: systemCpuNs(readFileSync('/proc/stat', 'latin1')),
    onlineCpus: availableParallelism(),
    hostMemoryBytes: totalmem(),
    networks: isInHostNetwork(state.pid) ? {} : interfaces(readFileSync(`/proc/${state.pid}/net/dev`, 'latin1')),
  };
}

/** Its interfaces would be the host's, which are not the container's to count. */
function isInHostNetwork(pid: number): boolean {
  return readlinkSync(`/proc/${pid}/ns/net`) === readlinkSync('/proc/self/ns/net');
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
