import { expect, it } from 'vitest';
import { cgroupLimits } from '../../host/cgroup/cgroup-limits.js';
import { detectCgroups } from '../../host/cgroup/cgroup-layout.js';
import { parseOsRelease } from '../../host/system/host-facts.js';
import { parseInitVersion, parseRuntimeVersion } from '../../host/system/program-versions.js';
import { infoWarnings, securityOptions, splitInsecureRegistries } from './info-parts.js';
import type { SystemSettings } from './system-settings.js';

const settings: SystemSettings = {
  debug: false,
  experimental: false,
  labels: [],
  dataRoot: '/d',
  loggingDriver: 'json-file',
  logDrivers: [],
  cgroupDriver: 'cgroupfs',
  registryMirrors: [],
  insecureRegistries: [],
  httpProxy: '',
  httpsProxy: '',
  noProxy: '',
  addressPools: [],
  cgroupNamespaces: false,
  noNewPrivileges: false,
  seccompProfile: 'builtin',
  insecureAddresses: [],
  initPath: null,
  cdiSpecDirs: [],
};
const all = {
  memoryLimit: true,
  swapLimit: true,
  oomKillDisable: true,
  cpuCfsPeriod: true,
  cpuCfsQuota: true,
  cpuShares: true,
  cpuSet: true,
  pidsLimit: true,
};

it('tells CIDRs from hosts, with loopback always in', () => {
  expect(splitInsecureRegistries(['reg:5000', '10.0.0.0/8', 'http://other', 'a/b'])).toEqual({
    cidrs: ['::1/128', '127.0.0.0/8', '10.0.0.0/8'],
    hosts: ['reg:5000', 'other', 'a/b'],
  });
});

it('names security options as dockerd does', () => {
  expect(securityOptions(settings, false)).toEqual(['name=seccomp,profile=builtin']);
  expect(securityOptions({ ...settings, cgroupNamespaces: true, noNewPrivileges: true }, true)).toEqual([
    'name=apparmor',
    'name=seccomp,profile=builtin',
    'name=cgroupns',
    'name=no-new-privileges',
  ]);
});

it('warns of what is missing, and only of that', () => {
  expect(infoWarnings(settings, all, 1, true)).toEqual([]);
  expect(infoWarnings(settings, { ...all, oomKillDisable: false }, 2, true)).toEqual([]);
  expect(infoWarnings(settings, { ...all, swapLimit: false, cpuSet: false }, 1, false)).toEqual([
    'WARNING: No swap limit support',
    'WARNING: No cpuset support',
    'WARNING: IPv4 forwarding is disabled',
  ]);
  const [open] = infoWarnings({ ...settings, insecureAddresses: ['0.0.0.0:2375'] }, all, 1, true);
  expect(open).toMatch(/^WARNING: API is accessible on http:\/\/0\.0\.0\.0:2375 without encryption\./);
});

it('knows the limits of this machine', () => {
  expect(cgroupLimits(detectCgroups()).memoryLimit).toBe(true);
});

it('reads versions of runtimes and inits', () => {
  const runc = 'runc version 1.1.5+ds1\ncommit: 1.1.5+ds1-1+deb12u1\nspec: 1.0.2-dev\ngo: go1.19.8\n';
  expect(parseRuntimeVersion(runc)).toEqual({ version: '1.1.5+ds1', commit: '1.1.5+ds1-1+deb12u1' });
  expect(parseRuntimeVersion('crun version 1.8.1\ncommit: f8a0\n')).toEqual({ version: '1.8.1', commit: 'f8a0' });
  expect(parseInitVersion('tini version 0.19.0\n')).toEqual({ version: '0.19.0', commit: '' });
  expect(parseInitVersion('tini version 0.19.0 - git.de40ad0\n')).toEqual({ version: '0.19.0', commit: 'de40ad0' });
  expect(parseInitVersion('catatonit 0.1.7\n')).toEqual({ version: '0.1.7', commit: '' });
});

it('reads os-release', () => {
  const values = parseOsRelease('PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nX=\'y z\'\n# c\n');
  expect(values.get('PRETTY_NAME')).toBe('Debian GNU/Linux 12 (bookworm)');
  expect(values.get('ID')).toBe('debian');
  expect(values.get('X')).toBe('y z');
});
