import { describe, expect, it } from 'vitest';
import type { HostConfig } from './container-config.js';
import { containerConfig, everything, hostConfig } from '../../../test/support/container-requests.js';
import { checkName, validateCgroupParent, validateConfig } from './validate-config.js';

const M = 1024 * 1024;
const capacity = { cpus: 2, memoryNodes: 1, supports: everything(true) };
const validate = (host: Partial<HostConfig>, config: Parameters<typeof containerConfig>[0] = {}): string[] =>
  validateConfig(
    { config: containerConfig(config), hostConfig: hostConfig(host), platform: '' },
    { capacity, isKnownRuntime: (name) => name === 'runc' },
  ).warnings;

describe('validateConfig: host', () => {
  it.each<[Partial<HostConfig>, string]>([
    [{ memoryBytes: 4 * M }, 'Minimum memory limit allowed is 6MB'],
    [{ memorySwapBytes: 4 * M }, 'You should always set the Memory limit when using Memoryswap limit, see usage'],
    [
      { memoryBytes: 64 * M, memorySwapBytes: 32 * M },
      'Minimum memoryswap limit should be larger than memory limit, see usage',
    ],
    [
      { memoryBytes: 64 * M, memoryReservationBytes: 128 * M },
      'Minimum memory limit can not be less than memory reservation limit, see usage',
    ],
    [{ memorySwappiness: 200 }, 'Invalid value: 200, valid memory swappiness range is 0-100'],
    [{ nanoCpus: 64e9 }, 'range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available'],
    [{ nanoCpus: 1e9, cpuPeriod: 50_000 }, 'Conflicting options: Nano CPUs and CPU Period cannot both be set'],
    [{ cpuPeriod: 100 }, 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
    [{ cpuQuota: 100 }, 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
    [{ cpuShares: -1 }, 'invalid CPU shares (-1): value must be a positive integer'],
    [{ cpusetCpus: 'abc' }, 'Invalid value abc for cpuset cpus: invalid format: abc'],
    [{ cpusetCpus: '99' }, 'Requested CPUs are not available - requested 99, available: 0-1'],
    [{ cpusetMems: '9' }, 'Requested memory nodes are not available - requested 9, available: 0'],
    [{ oomScoreAdj: 2000 }, 'Invalid value 2000, range for oom score adj is [-1000, 1000]'],
    [
      { autoRemove: true, restartPolicy: { name: 'always', maximumRetryCount: 0 } },
      "can't create 'AutoRemove' container with restart policy",
    ],
    [{ ipcMode: 'foo' }, 'invalid IPC mode: foo'],
    [{ pidMode: 'container:' }, 'invalid PID mode: container:'],
    [{ utsMode: 'foo' }, 'invalid UTS mode: foo'],
    [{ cgroupnsMode: 'foo' }, 'invalid cgroup namespace mode: foo'],
    [{ capAdd: ['FOO'] }, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
    [{ restartPolicy: { name: 'foo' as never, maximumRetryCount: 0 } }, "invalid restart policy: unknown policy 'foo'"],
    [{ runtime: 'foo' }, 'unknown or invalid runtime name: foo'],
    [{ extraHosts: ['foo'] }, 'bad format for add-host: "foo"'],
    [{ extraHosts: ['foo:bar'] }, 'invalid IP address in add-host: "bar"'],
    [{ portBindings: { foo: [] } }, 'invalid port specification: "foo"'],
    [{ portBindings: { '80-81/tcp': [] } }, 'invalid port specification: "80-81"'],
    [{ portBindings: { '80/tcp': [{ hostIp: '', hostPort: 'x' }] } }, 'invalid port specification: "x"'],
    [{ portBindings: { '80/tcp': [{ hostIp: '', hostPort: '9-8' }] } }, 'invalid port specification: "9-8"'],
    [{ portBindings: { '80/tcp': [{ hostIp: '', hostPort: '70000' }] } }, 'invalid port specification: "70000"'],
    [{ isolation: 'hyperv' }, "invalid isolation (hyperv): linux only supports 'default'"],
    [{ annotations: { '': 'x' } }, 'invalid Annotations: the empty string is not permitted as an annotation key'],
    [{ shmSizeBytes: -1 }, 'SHM size can not be less than 0'],
  ])('refuses %o', (host, text) => {
    expect(() => validate(host)).toThrow(text);
  });

  it.each<[Partial<HostConfig>, string]>([
    [{ cpuPercent: 50 }, 'linux does not support CPU percent. Percent discarded.'],
    [
      { networkMode: 'host', portBindings: { '80/tcp': [] } },
      'Published ports are discarded when using host network mode',
    ],
  ])('warns about %o', (host, text) => {
    expect(validate(host)).toEqual([text]);
  });

  it('takes ranges of ports and host-gateway', () => {
    const portBindings = { '80/tcp': [{ hostIp: '', hostPort: '8000-8010' }] };
    expect(validate({ portBindings, extraHosts: ['a:host-gateway', 'b:::1'] })).toEqual([]);
  });
});

describe('validateConfig: portable part', () => {
  it.each([
    [{ env: ['=x'] }, 'invalid environment variable: =x'],
    [{ workingDir: 'rel' }, "the working directory 'rel' is invalid, it needs to be an absolute path"],
    [{ stopSignal: 'FOO' }, 'invalid signal: FOO'],
  ])('refuses %o', (config, text) => {
    expect(() => validate({}, config)).toThrow(text);
  });
});

describe('validateCgroupParent', () => {
  it.each(['', 'a.slice', 'a-b.slice', '/a/b.slice'])('lets systemd have %j', (parent) => {
    expect(() => validateCgroupParent(parent, 'systemd')).not.toThrow();
  });

  it.each(['foo', '/foo', '.slice', 'a.slice.x'])('takes %j for no slice', (parent) => {
    expect(() => validateCgroupParent(parent, 'systemd')).toThrow('should be a valid slice named as "xxx.slice"');
    expect(() => validateCgroupParent(parent, 'cgroupfs')).not.toThrow();
  });
});

describe('checkName', () => {
  it('takes a leading slash', () => expect(checkName('/web-1.x')).toBe('web-1.x'));

  it.each(['a', '/a/b', 'a b', '-x', ''])('refuses %j', (name) => {
    expect(() => checkName(name)).toThrow(
      `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
    );
  });
});
