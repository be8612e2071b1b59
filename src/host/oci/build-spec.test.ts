import { describe, expect, it } from 'vitest';
import { kernelAbis } from '../sys/abis.js';
import { buildRuntimeSpec } from './build-spec.js';
import { resolveCapabilities } from './capabilities.js';
import { parseDeviceRule } from './devices.js';
import { runtimeResources } from './resources.js';
import { specJson } from './rlimits.js';
import { defaultSeccomp, seccompFromProfile } from './seccomp.js';
import type { SpecInput, SpecMount } from './spec-input.js';

const noResources: SpecInput['resources'] = {
  memoryBytes: 0,
  memorySwapBytes: 0,
  memoryReservationBytes: 0,
  memorySwappiness: null,
  oomKillDisable: false,
  cpuShares: 0,
  cpuPeriod: 0,
  cpuQuota: 0,
  nanoCpus: 0,
  cpuRealtimePeriod: 0,
  cpuRealtimeRuntime: 0,
  cpusetCpus: '',
  cpusetMems: '',
  pidsLimit: null,
  blkioWeight: 0,
  blkioWeightDevice: [],
  blkioReadBps: [],
  blkioWriteBps: [],
  blkioReadIops: [],
  blkioWriteIops: [],
};

const input = (changes: Partial<SpecInput> = {}): SpecInput => ({
  containerId: 'c1',
  rootfs: '/rootfs',
  readonlyRootfs: false,
  args: ['sh'],
  env: ['A=1'],
  cwd: '/',
  user: { uid: 0, gid: 0, additionalGids: [0] },
  tty: false,
  consoleSize: null,
  hostname: 'h',
  domainname: '',
  namespaces: { pid: 'private', ipc: 'private', uts: 'private', network: { path: '/n' }, cgroup: 'host' },
  mounts: [],
  shmSizeBytes: 64 * 1024 * 1024,
  shmPath: null,
  privileged: false,
  capAdd: [],
  capDrop: [],
  isOnHostKernel: true,
  seccomp: { kind: 'default' },
  appArmorProfile: '',
  processLabel: '',
  mountLabel: '',
  noNewPrivileges: false,
  maskedPaths: null,
  readonlyPaths: null,
  devices: [],
  deviceCgroupRules: [],
  resources: noResources,
  cgroupsPath: '/docker/c1',
  cgroupVersion: 1,
  rlimits: [],
  sysctls: {},
  oomScoreAdj: null,
  annotations: {},
  initPath: null,
  ...changes,
});

const bind = (destination: string, changes: Partial<SpecMount> = {}): SpecMount => ({
  type: 'bind',
  source: '/src',
  destination,
  readOnly: false,
  propagation: '',
  nonRecursive: false,
  recursiveReadOnly: false,
  options: [],
  ...changes,
});

describe('buildRuntimeSpec', () => {
  it('masks, restricts and filters by default, and does none of it when privileged', () => {
    const plain = buildRuntimeSpec(input()).linux;
    expect(plain.maskedPaths).toContain('/proc/kcore');
    expect(plain.readonlyPaths).toContain('/proc/sys');
    expect(plain.seccomp?.defaultAction).toBe('SCMP_ACT_ERRNO');
    const privileged = buildRuntimeSpec(input({ privileged: true }));
    expect(privileged.linux).not.toHaveProperty('maskedPaths');
    expect(privileged.linux).not.toHaveProperty('seccomp');
    expect(privileged.linux.devices?.map((device) => device.path)).toContain('/dev/full');
    expect(privileged.mounts.find((mount) => mount.destination === '/sys')?.options).not.toContain('ro');
  });

  it('gives a user who is not root capabilities in the bounding set only', () => {
    const { capabilities } = buildRuntimeSpec(input({ user: { uid: 1, gid: 1, additionalGids: [] } })).process;
    expect(Object.keys(capabilities)).toEqual(['bounding']);
  });

  it('orders mounts parents first and lets the caller replace a standard one', () => {
    const spec = buildRuntimeSpec(input({ mounts: [bind('/a/b'), bind('/a'), bind('/sys/fs/cgroup')] }));
    const destinations = spec.mounts.map((mount) => mount.destination);
    expect(destinations.indexOf('/a')).toBeLessThan(destinations.indexOf('/a/b'));
    expect(destinations.filter((destination) => destination === '/sys/fs/cgroup')).toHaveLength(1);
  });

  it('writes read-only, propagation and recursion as mount options', () => {
    const spec = buildRuntimeSpec(
      input({
        mounts: [bind('/m', { readOnly: true, recursiveReadOnly: true, propagation: 'rshared', nonRecursive: true })],
      }),
    );
    expect(spec.mounts.at(-1)?.options).toEqual(['bind', 'rro', 'rshared']);
    expect(spec.linux.rootfsPropagation).toBe('shared');
  });

  it('runs the command under an init when asked', () => {
    const spec = buildRuntimeSpec(input({ initPath: '/usr/bin/tini' }));
    expect(spec.process.args).toEqual(['/sbin/docker-init', '--', 'sh']);
    expect(spec.mounts.at(-1)?.source).toBe('/usr/bin/tini');
  });

  it('does not set the hostname or network sysctls of namespaces that it shares', () => {
    const spec = buildRuntimeSpec(input({ namespaces: { ...input().namespaces, uts: 'host', network: 'host' } }));
    expect(spec).not.toHaveProperty('hostname');
    expect(spec.linux.sysctl).toEqual({});
    expect(spec.linux.namespaces.map((namespace) => namespace.type)).toEqual(['mount', 'pid', 'ipc']);
  });

  it('writes an unlimited rlimit with all its digits', () =>
    expect(specJson(buildRuntimeSpec(input({ rlimits: [{ name: 'memlock', soft: -1, hard: -1 }] })))).toContain(
      '"soft":18446744073709551615,"hard":18446744073709551615',
    ));

  it('is written whole, with the profile that belongs to it', () => {
    const all = [
      input(),
      input({ capAdd: ['SYS_ADMIN'] }),
      input({ seccomp: { kind: 'unconfined' } }),
      input({ seccomp: { kind: 'profile', json: '{"defaultAction":"SCMP_ACT_LOG"}' } }),
      input({ annotations: { note: '"hard":-1' } }),
    ].map(buildRuntimeSpec);
    for (const spec of [...all, ...all]) expect(JSON.parse(specJson(spec))).toEqual(JSON.parse(JSON.stringify(spec)));
    expect(all[0]?.linux.seccomp).not.toEqual(all[1]?.linux.seccomp);
  });
});

describe('resolveCapabilities', () => {
  it('adds to and takes from the default set', () => {
    const caps = resolveCapabilities(['net_admin'], ['CAP_CHOWN'], false);
    expect(caps).toContain('CAP_NET_ADMIN');
    expect(caps).not.toContain('CAP_CHOWN');
  });
  it('starts from nothing with a drop of ALL', () =>
    expect(resolveCapabilities(['CHOWN'], ['all'], false)).toEqual(['CAP_CHOWN']));
  it('refuses a name that the kernel does not know', () =>
    expect(() => resolveCapabilities(['NOPE'], [], false)).toThrow('invalid CapAdd: unknown capability: "CAP_NOPE"'));
});

describe('runtimeResources', () => {
  it('turns nanoCpus into a quota and doubles memory into swap', () => {
    const resources = runtimeResources({ ...noResources, nanoCpus: 500_000_000, memoryBytes: 64, pidsLimit: -1 });
    expect(resources.cpu).toEqual({ quota: 50_000, period: 100_000 });
    expect(resources.memory).toEqual({ limit: 64, swap: 128, disableOOMKiller: false });
    expect(resources.pids).toEqual({ limit: -1 });
  });
});

describe('seccomp', () => {
  it('lets only CAP_SYS_ADMIN make namespaces', () => {
    const plain = defaultSeccomp([], 'x64')!;
    expect(plain.syscalls[0]!.names).not.toContain('unshare');
    expect(plain.syscalls.find((rule) => rule.names[0] === 'clone3')).toMatchObject({ errnoRet: 38 });
    const admin = defaultSeccomp(['CAP_SYS_ADMIN'], 'x64')!;
    expect(admin.syscalls[0]!.names).toEqual(expect.arrayContaining(['unshare', 'clone3', 'clone']));
    expect(admin.syscalls.some((rule) => rule.names[0] === 'clone3')).toBe(false);
  });

  it("names the kernel's ABIs, and no other", () => {
    const names = (arch: string, i386: boolean, x32: boolean) => defaultSeccomp([], arch, { i386, x32 })!.architectures;
    expect(names('x64', true, true)).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']);
    expect(names('x64', true, false)).toEqual(['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86']);
    expect(names('x64', false, false)).toEqual(['SCMP_ARCH_X86_64']);
    expect(names('ia32', false, false)).toEqual(['SCMP_ARCH_X86']);
    expect(names('arm64', false, false)).toEqual(['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']);
    expect(defaultSeccomp([], 'x64')).toBe(defaultSeccomp([], 'x64', kernelAbis()));
    const architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X32', 'SCMP_ARCH_X86'];
    expect(seccompFromProfile(JSON.stringify({ architectures }), []).architectures).toEqual(architectures);
  });

  it('resolves the conditions of a profile', () => {
    const rules = [
      { names: ['a'], action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_X'] } },
      { names: ['b'], action: 'SCMP_ACT_ALLOW', excludes: { caps: ['CAP_X'] } },
      { names: ['c'], action: 'SCMP_ACT_ALLOW', includes: { minKernel: '99.0' } },
      { name: 'd', action: 'SCMP_ACT_ERRNO', errnoRet: 3 },
    ];
    const json = JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: rules });
    expect(seccompFromProfile(json, ['CAP_X']).syscalls.map((rule) => rule.names[0])).toEqual(['a', 'd']);
    expect(() => seccompFromProfile('{', [])).toThrow('Decoding seccomp profile failed');
    const both = JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ name: 'a', names: ['b'] }] });
    expect(() => seccompFromProfile(both, [])).toThrow("both 'name' and 'names' are specified");
  });
});

describe('parseDeviceRule', () => {
  it('reads wildcards', () =>
    expect(parseDeviceRule('c *:3 rw')).toEqual({ allow: true, type: 'c', minor: 3, access: 'rw' }));
  it('refuses nonsense', () =>
    expect(() => parseDeviceRule('x 1:1 r')).toThrow("invalid device cgroup rule format: 'x 1:1 r'"));
});
