import { describe, expect, it } from 'vitest';
import { parseEntrances } from './container-entrances.js';
import type { CgroupLayout } from './cgroup-layout.js';

const V1: CgroupLayout = {
  version: 1,
  controllerMounts: new Map([
    ['cpu', '/c/cpu,cpuacct'],
    ['cpuacct', '/c/cpu,cpuacct'],
    ['memory', '/c/memory'],
    ['name=systemd', '/c/systemd'],
  ]),
  unifiedMount: '/c/unified',
  controllers: new Set(['cpu', 'cpuacct', 'memory']),
};
const V2: CgroupLayout = {
  version: 2,
  controllerMounts: new Map(),
  unifiedMount: '/c',
  controllers: new Set(['cpu', 'memory']),
};

describe('parseEntrances', () => {
  it('finds the hierarchies of v1 that the container is in', () => {
    const text = '5:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc\n1:name=systemd:/user.slice\n0::/user.slice\n';
    expect(parseEntrances(V1, text, 'abc')).toEqual({
      tasks: ['/c/cpu,cpuacct/docker/abc/tasks', '/c/memory/docker/abc/tasks'],
      directory: null,
    });
  });

  it('finds the unified hierarchy of a hybrid host too', () => {
    expect(parseEntrances(V1, '3:memory:/docker/abc\n0::/docker/abc\n', 'abc')).toEqual({
      tasks: ['/c/memory/docker/abc/tasks'],
      directory: '/c/unified/docker/abc',
    });
  });

  it.each([
    ['/docker/abc', '/c/docker/abc'],
    ['/system.slice/docker-abc.scope', '/c/system.slice/docker-abc.scope'],
    // The first process has made groups of its own: an init system, a daemon with containers.
    ['/system.slice/docker-abc.scope/init.scope', '/c/system.slice/docker-abc.scope'],
    ['/docker/abc/docker/abc', '/c/docker/abc'],
  ])('v2: %s', (path, directory) => {
    expect(parseEntrances(V2, `0::${path}\n`, 'abc')).toEqual({ tasks: [], directory });
  });

  it('does not guess', () => {
    expect(parseEntrances(V2, '0::/\n', 'abc')).toBeNull();
    expect(parseEntrances(V1, '3:pids:/docker/abc\n', 'abc')).toBeNull();
    expect(parseEntrances({ ...V1, unifiedMount: null }, '3:memory:/docker/abc\n0::/docker/abc\n', 'abc')).toBeNull();
  });
});
