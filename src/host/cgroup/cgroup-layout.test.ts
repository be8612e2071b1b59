import { describe, expect, it } from 'vitest';
import { cgroupPathFor, detectCgroups, kernelCgroupPath, parseCgroupLayout, parseProcCgroup } from './cgroup-layout.js';

const V2 = '30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n';
const HYBRID = `32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
48 44 0:32 / /chroot/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`;

describe('parseCgroupLayout', () => {
  it('knows a pure v2 host', () => {
    const layout = parseCgroupLayout(V2, (path) =>
      path === '/sys/fs/cgroup/cgroup.controllers' ? 'cpuset cpu io memory pids\n' : '',
    );
    expect(layout.version).toBe(2);
    expect(layout.unifiedMount).toBe('/sys/fs/cgroup');
    expect([...layout.controllers]).toEqual(['cpuset', 'cpu', 'io', 'memory', 'pids']);
  });

  it('takes a hybrid host for v1 and the first mount of each controller', () => {
    const layout = parseCgroupLayout(HYBRID, () => '');
    expect(layout.version).toBe(1);
    expect(Object.fromEntries(layout.controllerMounts)).toEqual({
      cpu: '/sys/fs/cgroup/cpu,cpuacct',
      cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
      memory: '/sys/fs/cgroup/memory',
      'name=systemd': '/sys/fs/cgroup/systemd',
    });
    expect(layout.unifiedMount).toBe('/sys/fs/cgroup/unified');
  });

  it('prefers what lies where it usually does to mounts in other places, whichever comes first', () => {
    const elsewhere =
      '20 19 0:32 /../.. /chroot/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n21 19 0:38 / /chroot/sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n';
    const layout = parseCgroupLayout(elsewhere + HYBRID, () => '');
    expect(layout.controllerMounts.get('memory')).toBe('/sys/fs/cgroup/memory');
    expect(layout.unifiedMount).toBe('/sys/fs/cgroup/unified');
    expect(parseCgroupLayout(elsewhere, () => '').controllerMounts.get('memory')).toBe('/chroot/sys/fs/cgroup/memory');
  });

  it('reads the running host', () => {
    expect(detectCgroups().controllers.size).toBeGreaterThan(0);
  });
});

it('parses /proc/pid/cgroup of both versions', () => {
  expect(parseProcCgroup('4:cpu,cpuacct:/docker/a:b\n0::/x\n')).toEqual(
    new Map([
      ['cpu', '/docker/a:b'],
      ['cpuacct', '/docker/a:b'],
      ['', '/x'],
    ]),
  );
});

it.each([
  ['', 'cgroupfs', '/docker/id'],
  ['/a/b', 'cgroupfs', '/a/b/id'],
  ['a', 'cgroupfs', '/a/id'],
  ['', 'systemd', 'system.slice:docker:id'],
  ['my.slice', 'systemd', 'my.slice:docker:id'],
] as const)('cgroup path of parent %j with %s is %s', (parent, driver, path) => {
  expect(cgroupPathFor('id', parent, driver)).toBe(path);
});

it.each([
  ['/docker/id', '/docker/id'],
  ['system.slice:docker:id', '/system.slice/docker-id.scope'],
  ['a-b-c.slice:docker:id', '/a.slice/a-b.slice/a-b-c.slice/docker-id.scope'],
  ['-.slice:docker:id', '/docker-id.scope'],
])('the kernel shows %s as %s', (path, shown) => expect(kernelCgroupPath(path)).toBe(shown));
