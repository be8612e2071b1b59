import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { cgroupsOfProcess, type CgroupLayout } from './cgroup-layout.js';
import { parseBlkio, parseIoStat, readCgroupSample } from './cgroup-sample.js';

/** The tests' own process is in no container's group. */
const ID = 'no container';

let root: string;
beforeEach(() => void (root = mkdtempSync(join(tmpdir(), 'wharf-cgroup-'))));
afterEach(() => rmSync(root, { recursive: true }));

/** Puts recorded files where this process's own group would be. */
function record(directory: string, controller: string, files: Record<string, string>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, cgroupsOfProcess(process.pid).get(controller) ?? '/', name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}

describe('cgroup v2', () => {
  const layout = (): CgroupLayout => ({
    version: 2,
    controllerMounts: new Map(),
    unifiedMount: root,
    controllers: new Set(['cpu', 'io', 'memory', 'pids']),
  });

  // The files' formats: kernel Documentation/admin-guide/cgroup-v2.rst. A device that has counted nothing has no counters.
  it('reads what the kernel counts', () => {
    record(root, '', {
      'cpu.stat':
        'usage_usec 1503211\nuser_usec 1203000\nsystem_usec 300211\nnr_periods 31\nnr_throttled 29\nthrottled_usec 1462003\nnr_bursts 0\nburst_usec 0\n',
      'memory.current': '19763200\n',
      'memory.max': '67108864\n',
      'memory.events': 'low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n',
      'memory.stat': 'anon 1073152\nfile 17301504\ninactive_file 9920512\nactive_file 7380992\npgfault 5012\n',
      'pids.current': '3\n',
      'pids.max': '20\n',
      'io.stat': '254:0 rbytes=1212416 wbytes=8192 rios=34 wios=2 dbytes=0 dios=0\n253:1 \n',
    });
    expect(readCgroupSample(layout(), process.pid, ID)).toEqual({
      cpuTotalNs: 1_503_211_000,
      cpuUserNs: 1_203_000_000,
      cpuKernelNs: 300_211_000,
      cpuPerProcessorNs: null,
      periods: 31,
      throttledPeriods: 29,
      throttledNs: 1_462_003_000,
      memoryUsageBytes: 19_763_200,
      memoryMaxUsageBytes: null,
      memoryLimitBytes: 67_108_864,
      // dockerd shows how often memory ran out, not how often the limit was met.
      memoryFailures: 2,
      memoryStat: expect.objectContaining({
        anon: 1_073_152,
        file: 17_301_504,
        inactive_file: 9_920_512,
        active_file: 7_380_992,
        pgfault: 5012,
      }),
      pids: 3,
      pidsLimit: 20,
      ioBytes: [
        { major: 254, minor: 0, op: 'read', value: 1_212_416 },
        { major: 254, minor: 0, op: 'write', value: 8192 },
      ],
      ioOperations: [
        { major: 254, minor: 0, op: 'read', value: 34 },
        { major: 254, minor: 0, op: 'write', value: 2 },
      ],
    });
  });

  it('knows no limit, and controllers that are not enabled', () => {
    record(root, '', { 'memory.max': 'max\n', 'pids.max': 'max\n', 'pids.current': '1\n' });
    expect(readCgroupSample(layout(), process.pid, ID)).toMatchObject({
      memoryLimitBytes: null,
      memoryUsageBytes: 0,
      memoryStat: {},
      pids: 1,
      pidsLimit: null,
      cpuTotalNs: 0,
      ioBytes: [],
    });
  });
});

/** Only a process that is in groups of v1 has a place for recorded ones. */
describe.runIf(cgroupsOfProcess(process.pid).has('memory'))('cgroup v1', () => {
  it('reads what the kernel counts, by controller', () => {
    const mounts = ['cpu', 'cpuacct', 'memory', 'pids', 'blkio'];
    record(join(root, 'cpu'), 'cpu', { 'cpu.stat': 'nr_periods 4\nnr_throttled 1\nthrottled_time 55\n' });
    record(join(root, 'cpuacct'), 'cpuacct', {
      'cpuacct.usage': '28033890\n',
      'cpuacct.usage_percpu': '24441166 3592724 \n',
      'cpuacct.stat': 'user 2\nsystem 1\n',
    });
    record(join(root, 'memory'), 'memory', {
      'memory.usage_in_bytes': '335872\n',
      'memory.max_usage_in_bytes': '4874240\n',
      'memory.limit_in_bytes': '9223372036854771712\n',
      'memory.failcnt': '3\n',
      'memory.stat': 'cache 0\ntotal_inactive_file 7\n',
    });
    record(join(root, 'pids'), 'pids', { 'pids.current': '1\n', 'pids.max': 'max\n' });
    record(join(root, 'blkio'), 'blkio', {
      'blkio.throttle.io_service_bytes_recursive': '8:0 Read 4096\n8:0 Write 0\n8:0 Total 4096\nTotal 4096\n',
    });
    const layout: CgroupLayout = {
      version: 1,
      controllerMounts: new Map(mounts.map((name) => [name, join(root, name)])),
      unifiedMount: null,
      controllers: new Set(mounts),
    };
    expect(readCgroupSample(layout, process.pid, ID)).toMatchObject({
      cpuTotalNs: 28_033_890,
      cpuPerProcessorNs: [24_441_166, 3_592_724],
      cpuUserNs: 20_000_000,
      cpuKernelNs: 10_000_000,
      periods: 4,
      throttledPeriods: 1,
      throttledNs: 55,
      memoryUsageBytes: 335_872,
      memoryMaxUsageBytes: 4_874_240,
      memoryLimitBytes: null,
      memoryFailures: 3,
      memoryStat: { cache: 0, total_inactive_file: 7 },
      pids: 1,
      pidsLimit: null,
      ioBytes: parseBlkio('8:0 Read 4096\n8:0 Write 0\n8:0 Total 4096'),
    });
  });
});

it('ignores lines that it does not know', () => {
  expect(parseBlkio('Total 5\nnonsense\n')).toEqual([]);
  expect(parseIoStat('nonsense\n')).toEqual({ ioBytes: [], ioOperations: [] });
});
