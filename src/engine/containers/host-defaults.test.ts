import { expect, it } from 'vitest';
import { createRequest } from '../../../test/support/container-requests.js';
import type { ContainerDefaults } from './containers-deps.js';
import { applyHostDefaults } from './host-defaults.js';

const defaults = (cgroupVersion: 1 | 2): ContainerDefaults => ({
  runtime: 'runc',
  logDriver: 'json-file',
  logOptions: {},
  shmSizeBytes: 64 << 20,
  ipcMode: 'private',
  cgroupnsMode: cgroupVersion === 1 ? 'host' : 'private',
  cgroupParent: '',
  cgroupDriver: 'cgroupfs',
  cgroupVersion,
  ulimits: [],
  init: false,
  initPath: null,
  stopTimeoutSec: 10,
  noNewPrivileges: false,
  seccompProfile: 'builtin',
  dns: [],
  dnsOptions: [],
  dnsSearch: [],
  hostGatewayIps: [],
});

// As dockerd 28.5 shows containers created with nothing but an image.
it.each([
  [1, { oomKillDisable: false, cgroupnsMode: 'host' }],
  [2, { oomKillDisable: null, cgroupnsMode: 'private' }],
] as const)('on cgroup v%i: %o', (version, expected) => {
  expect(applyHostDefaults(createRequest({}), defaults(version))).toMatchObject(expected);
});

it('gives a privileged container the host’s groups on v1 only', () => {
  const request = createRequest({}, { privileged: true });
  expect(applyHostDefaults(request, { ...defaults(1), cgroupnsMode: 'private' }).cgroupnsMode).toBe('host');
  expect(applyHostDefaults(request, defaults(2)).cgroupnsMode).toBe('private');
});
