import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { cgroupsOfProcess, type CgroupLayout } from '../../host/cgroup/cgroup-layout.js';
import { readCgroupSample } from '../../host/cgroup/cgroup-sample.js';
import { statsObject, type StatsSample } from './stats-object.js';

const FIXTURES = fileURLToPath(new URL('../../../test/fixtures/cgroup/', import.meta.url));
const V1 = ['cpu', 'cpuacct', 'memory', 'pids', 'blkio'];

/** What a container's files say that were recorded together with dockerd's answer. */
function sampleOf(name: string): StatsSample['cgroup'] {
  const root = mkdtempSync(join(tmpdir(), 'wharf-stats-'));
  try {
    const own = cgroupsOfProcess(process.pid);
    const isV1 = name.startsWith('v1');
    for (const controller of isV1 ? V1 : ['']) {
      cpSync(join(FIXTURES, name), join(root, controller, own.get(controller) ?? '/'), { recursive: true });
    }
    const layout: CgroupLayout = {
      version: isV1 ? 1 : 2,
      controllerMounts: new Map(isV1 ? V1.map((controller) => [controller, join(root, controller)]) : []),
      unifiedMount: isV1 ? null : root,
      controllers: new Set(V1),
    };
    return readCgroupSample(layout, process.pid, 'no container');
  } finally {
    rmSync(root, { recursive: true });
  }
}

/** dockerd 28.5, its answer to `stream=false&one-shot=true` with API 1.51. */
const recorded = (name: string): any => JSON.parse(readFileSync(join(FIXTURES, name, 'stats.json'), 'utf8'));

const HOST = {
  'v1-limited': { systemCpuNs: 50_906_410_000_000, hostMemoryBytes: 25_325_268_992 },
  'v1-plain': { systemCpuNs: 50_907_350_000_000, hostMemoryBytes: 25_325_268_992 },
  'v2-limited': { systemCpuNs: 586_560_000_000, hostMemoryBytes: 3_114_229_760 },
  'v2-plain': { systemCpuNs: 634_340_000_000, hostMemoryBytes: 3_114_229_760 },
};

/** Only a process that is in groups of v1 has a place for recorded ones. */
const hasPlace = (name: string): boolean => name.startsWith('v2') || cgroupsOfProcess(process.pid).has('memory');

describe.each((Object.keys(HOST) as (keyof typeof HOST)[]).filter(hasPlace))(
  'of a container recorded on %s',
  (name) => {
    const sample: StatsSample = { timeNs: 0n, cgroup: sampleOf(name), onlineCpus: 2, networks: {}, ...HOST[name] };

    it('has each field as dockerd shows it', () => {
      const { read, preread, ...expected } = recorded(name);
      const limit = expected.pids_stats.limit > 1e19 ? 2n ** 64n - 1n : expected.pids_stats.limit;
      expect(statsObject('it', 'id', sample, null)).toEqual({
        ...expected,
        pids_stats: { ...expected.pids_stats, ...(limit !== undefined && { limit }) },
        name: '/it',
        id: 'id',
        read: expect.any(String),
        preread,
      });
      expect(read).not.toBe(preread);
    });

    it('has what docker stats shows, computed as the CLI does', () => {
      const before = { ...sample, cgroup: { ...sample.cgroup, cpuTotalNs: 0 }, systemCpuNs: sample.systemCpuNs - 2e9 };
      const shown: any = statsObject('it', 'id', sample, before);
      const { cpu_stats: cpu, precpu_stats: precpu, memory_stats: memory } = shown;
      const system = cpu.system_cpu_usage - precpu.system_cpu_usage;
      const percent = ((cpu.cpu_usage.total_usage - precpu.cpu_usage.total_usage) / system) * cpu.online_cpus * 100;
      expect(percent).toBeCloseTo((sample.cgroup.cpuTotalNs / 2e9) * 200);
      // The CLI takes the one for v1, if it is there, else the other.
      const cache = memory.stats.total_inactive_file ?? memory.stats.inactive_file;
      expect(memory.usage - cache).toBe(
        { 'v1-limited': 913_408, 'v1-plain': 339_968, 'v2-limited': 344_064, 'v2-plain': 327_680 }[name],
      );
      const io: { op: string; value: number }[] = shown.blkio_stats.io_service_bytes_recursive ?? [];
      // By its first letter, of either case.
      const bytes = (letter: string): number =>
        io.filter(({ op }) => op[0]!.toLowerCase() === letter).reduce((sum, { value }) => sum + value, 0);
      expect([bytes('r'), bytes('w')]).toEqual(name === 'v2-limited' ? [20_971_520, 29_360_128] : [0, 0]);
      expect(shown.pids_stats.current).toBe(1);
    });
  },
);
