import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { unstoredRegistry } from '../../../test/support/container-registry.js';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import type { SpecInput } from '../../host/oci/spec-input.js';
import { silentLogger } from '../../shared/logger.js';
import type { ContainerConfig, HostConfig } from './container-config.js';
import type { Container } from './container.js';
import { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { specAhead } from './create-ahead.js';
import { KnownUser } from './known-user.js';
import type { PlannedMount } from './planned-mount.js';

const NETNS = '/run/netns/reserved';

let dir: string;
let container: Container;
let namespace: string | null;
let said: string[];
let build: (input: SpecInput) => object;

const ctx = {
  deps: {
    log: silentLogger,
    defaults: { cgroupDriver: 'cgroupfs', cgroupParent: '', cgroupVersion: 2, seccompProfile: '', ulimits: [] },
    networks: {
      reserveNamespace: () => (said.push('reserve'), namespace),
      cancelReservation: () => said.push('cancel'),
    },
    oci: {
      runtimes: { resolve: () => ({ name: 'runc', path: '/usr/bin/runc', args: [] }) },
      resolveUser: () => ({ uid: 0, gid: 0, additionalGids: [], home: '/root' }),
      buildSpec: (input: SpecInput) => build(input),
    },
  },
  registry: unstoredRegistry(),
} as unknown as ContainersContext;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'create-ahead-'));
  const recorded = containerFromInspect(recording('inspect-created-v1.51.json'));
  const [hostnamePath, hostsPath, resolvConfPath] = ['hostname', 'hosts', 'resolv.conf'].map((name) => join(dir, name));
  container = { ...recorded, hostnamePath: hostnamePath!, hostsPath: hostsPath!, resolvConfPath: resolvConfPath! };
  namespace = NETNS;
  said = [];
  build = ({ args }) => ({ ociVersion: '1', process: { args }, linux: {} });
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const files = (): string[] => [container.hostnamePath, container.hostsPath, container.resolvConfPath];

function ahead(change: Partial<Container> = {}, plan: PlannedMount[] = []): string | null {
  return specAhead(
    ctx,
    new ContainerEntry({ container: { ...container, ...change }, plan, phase: 'stable' }),
    '/merged',
    new KnownUser(),
  );
}

describe('what a start will tell the runtime', () => {
  it('is known of a container that has everything to itself', () => {
    let input: SpecInput | null = null;
    build = (given) => ((input = given), { ociVersion: '1', process: { args: given.args }, linux: {} });
    writeFileSync(container.hostsPath, 'of a former start');
    expect(JSON.parse(ahead()!)).toMatchObject({ process: { args: [container.path, ...container.args] } });
    expect(input).toMatchObject({ rootfs: '/merged', namespaces: { network: { path: NETNS }, pid: 'private' } });
    expect(input!.mounts.map(({ source, destination }) => [source, destination])).toEqual([
      [container.resolvConfPath, '/etc/resolv.conf'],
      [container.hostnamePath, '/etc/hostname'],
      [container.hostsPath, '/etc/hosts'],
    ]);
    expect(files().map((path) => readFileSync(path, 'utf8'))).toEqual(['', 'of a former start', '']);
    expect(said).toEqual(['reserve']);
  });

  const hosts: [string, Partial<HostConfig>][] = [
    ["the host's network", { networkMode: 'host' }],
    ["another one's network", { networkMode: 'container:x' }],
    ["the host's processes", { pidMode: 'host' }],
    ["another one's processes", { pidMode: 'container:x' }],
    ["the host's IPC", { ipcMode: 'host' }],
    ["another one's IPC", { ipcMode: 'container:x' }],
    ['IPC for others to share', { ipcMode: 'shareable' }],
    ["the host's names", { utsMode: 'host' }],
    ["the host's users", { usernsMode: 'host' }],
    ['all privileges', { privileged: true }],
    ['links', { links: ['x:y'] }],
    ['devices', { devices: [{ pathOnHost: '/dev/null', pathInContainer: '/dev/x', cgroupPermissions: 'r' }] }],
    ['requests for devices', { deviceRequests: [{} as HostConfig['deviceRequests'][number]] }],
    ['sysctls', { sysctls: { 'net.ipv4.ip_forward': '1' } }],
  ];
  const others: [string, Partial<ContainerConfig>, PlannedMount[]][] = [
    ['no network', { networkDisabled: true }, []],
    ['a mount', {}, [{ type: 'tmpfs', destination: '/x' } as PlannedMount]],
  ];
  const configurations = [
    ...hosts.map(([what, hostConfig]) => ({ what, hostConfig, config: {}, plan: [] as PlannedMount[] })),
    ...others.map(([what, config, plan]) => ({ what, hostConfig: {}, config, plan })),
  ];

  it.each(configurations)('is not known with $what', ({ hostConfig, config, plan }) => {
    const change = {
      hostConfig: { ...container.hostConfig, ...hostConfig },
      config: { ...container.config, ...config },
    };
    expect(ahead(change, plan)).toBeNull();
    expect([said, files().filter((path) => existsSync(path))]).toEqual([[], []]);
  });

  it("is not known with the host's network by another name than its own", () => {
    const [endpoint] = Object.values(container.network.networks);
    const network = { ...container.network, networks: { host: endpoint! } };
    const hostConfig = { ...container.hostConfig, networkMode: 'd0b1c2' };
    expect(ahead({ network, hostConfig })).toBeNull();
    expect(said).toEqual([]);
  });

  it('is not made when no namespace is ready', () => {
    namespace = null;
    expect(ahead()).toBeNull();
    expect([said, files().filter((path) => existsSync(path))]).toEqual([['reserve'], []]);
  });

  it('gives the namespace back when it can not be told', () => {
    build = () => {
      throw new Error('no such user');
    };
    expect(() => ahead()).toThrow('no such user');
    expect(said).toEqual(['reserve', 'cancel']);
  });
});
