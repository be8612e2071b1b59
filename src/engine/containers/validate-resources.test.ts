import { describe, expect, it } from 'vitest';
import { everything, hostConfig } from '../../../test/support/container-requests.js';
import type { HostConfig } from './container-config.js';
import { fitResources, validateCpuNumbers } from './validate-resources.js';

const M = 1024 * 1024;
const nothing = { cpus: 2, memoryNodes: 1, supports: everything(false) };
const full = { cpus: 2, memoryNodes: 1, supports: everything(true) };
const lacks = (what: string, discarded: string): string =>
  `Your kernel does not support ${what} or the cgroup is not mounted. ${discarded}`;
const DEVICE = [{ path: '/dev/null', rate: 5 }];

describe('fitResources', () => {
  it.each<[Partial<HostConfig>, Partial<HostConfig>, string]>([
    [
      { memoryBytes: 64 * M },
      { memoryBytes: 0, memorySwapBytes: -1 },
      lacks('memory limit capabilities', 'Limitation discarded.'),
    ],
    [
      { memorySwappiness: 5 },
      { memorySwappiness: null },
      lacks('memory swappiness capabilities', 'Memory swappiness discarded.'),
    ],
    [
      { memoryReservationBytes: 64 * M },
      { memoryReservationBytes: 0 },
      lacks('memory soft limit capabilities', 'Limitation discarded.'),
    ],
    [
      { kernelMemoryBytes: 64 * M },
      { kernelMemoryBytes: 0 },
      lacks('kernel memory limit capabilities', 'Limitation discarded.'),
    ],
    [
      { oomKillDisable: true },
      { oomKillDisable: null },
      'Your kernel does not support OomKillDisable. OomKillDisable discarded.',
    ],
    [{ pidsLimit: 5 }, { pidsLimit: null }, lacks('PIDs limit capabilities', 'PIDs limit discarded.')],
    [{ cpuShares: 5 }, { cpuShares: 0 }, lacks('CPU shares', 'Shares discarded.')],
    [
      { cpuPeriod: 5000, cpuQuota: 5000 },
      { cpuPeriod: 0, cpuQuota: 0 },
      'Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.',
    ],
    [{ cpusetCpus: '0' }, { cpusetCpus: '' }, lacks('cpuset', 'Cpuset discarded.')],
    [{ blkioWeight: 5 }, { blkioWeight: 0 }, lacks('Block I/O weight', 'Weight discarded.')],
    [
      { blkioWeightDevice: [{ path: '/dev/null', weight: 5 }] },
      { blkioWeightDevice: [] },
      lacks('Block I/O weight_device', 'Weight-device discarded.'),
    ],
    [
      { blkioDeviceReadBps: DEVICE },
      { blkioDeviceReadBps: [] },
      lacks('BPS Block I/O read limit', 'Block I/O BPS read limit discarded.'),
    ],
    [
      { blkioDeviceWriteBps: DEVICE },
      { blkioDeviceWriteBps: [] },
      lacks('BPS Block I/O write limit', 'Block I/O BPS write limit discarded.'),
    ],
    [
      { blkioDeviceReadIops: DEVICE },
      { blkioDeviceReadIops: [] },
      lacks('IOPS Block read limit', 'Block I/O IOPS read limit discarded.'),
    ],
    [
      { blkioDeviceWriteIops: DEVICE },
      { blkioDeviceWriteIops: [] },
      lacks('IOPS Block write limit', 'Block I/O IOPS write limit discarded.'),
    ],
    [{ cpuPercent: 5 }, { cpuPercent: 0 }, 'linux does not support CPU percent. Percent discarded.'],
  ])('%o becomes %o where the kernel has no such limit', (asked, granted, warning) => {
    const { resources, warnings } = fitResources(hostConfig(asked), nothing);
    expect(resources).toMatchObject(granted);
    expect(warnings).toEqual([warning]);
  });

  it('limits memory without swap where swap is not accounted for', () => {
    const capacity = { ...full, supports: { ...full.supports, swapLimit: false } };
    const { resources, warnings } = fitResources(hostConfig({ memoryBytes: 64 * M }), capacity);
    expect(resources).toMatchObject({ memoryBytes: 64 * M, memorySwapBytes: -1 });
    expect(warnings).toEqual([lacks('swap limit capabilities', 'Memory limited without swap.')]);
  });

  it('refuses a share of the CPUs without a scheduler for it', () => {
    expect(() => fitResources(hostConfig({ nanoCpus: 1e9 }), nothing)).toThrow(
      'NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted',
    );
  });

  // As dockerd 28.5 does on cgroup v2: an update is told nothing.
  it('refuses real time to a create that can’t have it, and leaves it out of an update', () => {
    for (const asked of [hostConfig({ cpuRealtimePeriod: 5000 }), hostConfig({ cpuRealtimeRuntime: 5000 })]) {
      expect(() => validateCpuNumbers(asked, nothing.supports)).toThrow(
        'kernel does not support CPU real-time scheduler',
      );
      const { resources, warnings } = fitResources(asked, nothing, { isUpdate: true });
      expect(resources).toMatchObject({ cpuRealtimePeriod: 0, cpuRealtimeRuntime: 0 });
      expect(warnings).toEqual([]);
    }
  });

  // Recorded of dockerd 28.5 on cgroup v2, where inspect shows null.
  it('knows nothing of a switch that the kernel lacks, and warns only of who wanted it', () => {
    expect(fitResources(hostConfig({ oomKillDisable: false }), nothing)).toMatchObject({
      resources: { oomKillDisable: null },
      warnings: [],
    });
    expect(fitResources(hostConfig({ oomKillDisable: false }), full).resources.oomKillDisable).toBe(false);
  });

  it.each<[Partial<HostConfig>, string]>([
    [{ kernelMemoryBytes: 1000 }, 'Minimum kernel memory limit allowed is 6MB'],
    [{ blkioWeight: 5 }, 'Range of blkio weight is from 10 to 1000'],
    [{ ioMaximumIops: 1 }, 'invalid option: QoS maximum IOPs configuration is not supported on linux'],
    [{ ioMaximumBandwidth: 1 }, 'invalid option: QoS maximum bandwidth configuration is not supported on linux'],
  ])('refuses %o', (asked, text) => {
    expect(() => fitResources(hostConfig(asked), full)).toThrow(text);
  });

  it('refuses more real time than there is, and shares below zero, by themselves', () => {
    const realtime = hostConfig({ cpuRealtimePeriod: 1000, cpuRealtimeRuntime: 2000 });
    expect(() => validateCpuNumbers(realtime, full.supports)).toThrow(
      'cpu real-time runtime cannot be higher than cpu real-time period',
    );
    expect(() => validateCpuNumbers(hostConfig({ cpuShares: -1 }), full.supports)).toThrow('invalid CPU shares (-1)');
    validateCpuNumbers(hostConfig({ cpuShares: 5, cpuRealtimePeriod: 2000, cpuRealtimeRuntime: 1000 }), full.supports);
  });

  it('changes nothing where all limits are known, and leaves the request alone', () => {
    const asked = Object.freeze(hostConfig({ memoryBytes: 64 * M, blkioWeight: 500, pidsLimit: 5 }));
    expect(fitResources(asked, full)).toEqual({ resources: asked, warnings: [] });
  });
});
