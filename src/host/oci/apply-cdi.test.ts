import { expect, it } from 'vitest';
import { applyCdi } from './apply-cdi.js';
import type { RuntimeSpec } from './runtime-spec.js';

const spec = (): RuntimeSpec => ({
  ociVersion: '1.0.2-dev',
  process: {
    user: { uid: 5, gid: 6, additionalGids: [6] },
    args: ['sh'],
    env: ['A=1', 'B=2'],
    cwd: '/',
    capabilities: { bounding: [] },
  },
  root: { path: '/r' },
  mounts: [{ destination: '/proc', type: 'proc', source: 'proc', options: [] }],
  linux: { resources: { devices: [{ allow: false, access: 'rwm' }] }, cgroupsPath: '/c', namespaces: [] },
});

it('sets variables, in place of those of the same name', () => {
  expect(applyCdi(spec(), [{ env: ['A=3', 'C=4'] }, { env: ['C=5'] }]).process.env).toEqual(['A=3', 'B=2', 'C=5']);
});

it('fills in what the host knows of a device', () => {
  const { linux } = applyCdi(spec(), [
    { deviceNodes: [{ path: '/dev/mine', hostPath: '/dev/null', permissions: 'r' }] },
  ]);
  expect(linux.devices).toEqual([
    { path: '/dev/mine', type: 'c', major: 1, minor: 3, fileMode: 0o666, uid: 5, gid: 6 },
  ]);
  expect(linux.resources.devices?.at(-1)).toEqual({ allow: true, type: 'c', major: 1, minor: 3, access: 'r' });
});

it('takes the numbers of the file where it has them', () => {
  const node = { path: '/dev/x', type: 'b', major: 8, minor: 1, fileMode: 0o600, uid: 1, gid: 2 };
  expect(applyCdi(spec(), [{ deviceNodes: [node] }]).linux.devices).toEqual([node]);
});

it('says so when there is no such device', () => {
  expect(() => applyCdi(spec(), [{ deviceNodes: [{ path: '/dev/wharf-none' }] }])).toThrow(
    'CDI device injection failed: failed to fill device info for "/dev/wharf-none"',
  );
});

it('adds mounts, hooks and groups, but never group 0', () => {
  const result = applyCdi(spec(), [
    {
      mounts: [{ hostPath: '/etc', containerPath: '/mnt', options: ['ro', 'bind'] }],
      hooks: [{ hookName: 'createContainer', path: '/bin/true', args: ['true'], timeout: 5 }],
      additionalGids: [0, 44, 6],
    },
  ]);
  expect(result.mounts.at(-1)).toEqual({ destination: '/mnt', type: 'bind', source: '/etc', options: ['ro', 'bind'] });
  expect(result.hooks).toEqual({ createContainer: [{ path: '/bin/true', args: ['true'], timeout: 5 }] });
  expect(result.process.user.additionalGids).toEqual([6, 44]);
});
