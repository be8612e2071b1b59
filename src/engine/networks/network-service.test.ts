import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestNetworks } from '../../../test/support/namespaces.js';
import { NftablesFirewall } from '../../host/firewall/nftables-firewall.js';
import { createLink, findLink, listLinks } from '../../host/netlink/links.js';
import { NetlinkSocket } from '../../host/netlink/netlink-socket.js';
import { openRouteSocket } from '../../host/netlink/route-socket.js';
import { listRoutes } from '../../host/netlink/routes.js';
import { PortRelays } from '../../host/relay/port-relays.js';
import { mounts } from '../../host/sys/mount.js';
import { silentLogger } from '../../shared/logger.js';
import { openDatabase, type WharfDatabase } from '../../store/database.js';
import { NetworkStore } from '../../store/networks.js';
import type { EndpointConfig } from '../containers/container-config.js';
import type { ContainerDirectory, NetworkedContainer } from './container-directory.js';
import type { ConnectSandboxRequest, CreateNetworkRequest } from './model.js';
import { NetworkService } from './network-service.js';
import type { NetworkOptions } from './networks-context.js';
import { Sandboxes } from './sandboxes.js';

const id = (digit: string): string => digit.repeat(64);
const nft = (...args: string[]): string => execFileSync('nft', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();
const noConfig: EndpointConfig = {
  ipamConfig: null,
  links: null,
  aliases: null,
  driverOpts: null,
  macAddress: '',
  gwPriority: 0,
};

let world: TestNetworks;
let neighbour: string;
let netnsDir: string;
let db: WharfDatabase;
let networks: NetworkService;
const events: { action: string; attributes: Record<string, string> }[] = [];
const containers = new Map<string, NetworkedContainer>();

/** The container a as it runs on these networks. */
const running = (...networkNames: string[]): NetworkedContainer => ({
  id: id('a'),
  name: 'ca',
  hostname: '',
  running: true,
  networkMode: 'bridge',
  networkNames,
  ports: { portBindings: {}, exposedPorts: [], publishAllPorts: false },
  nameservers: [],
  resolverOptions: [],
});

const directory: ContainerDirectory = {
  find: (ref) => {
    const found = [...containers.values()].find((one) => one.id === ref || one.name === ref);
    if (!found) throw new Error(`No such container: ${ref}`);
    return found;
  },
  connected: async (containerId, name) => void directory.find(containerId).networkNames.push(name),
  disconnected: async (containerId, name) => {
    const one = directory.find(containerId);
    one.networkNames = one.networkNames.filter((other) => other !== name);
  },
};

const options = (): NetworkOptions => ({
  netnsDir,
  bridge: '',
  bip: '',
  bip6: '',
  fixedCidr: '',
  fixedCidrV6: '',
  defaultGateway: '',
  defaultGatewayV6: '',
  ipv6: false,
  mtu: 1500,
  icc: true,
  ipMasq: true,
  ipForward: true,
  confineForwarding: true,
  hostIp: '0.0.0.0',
  userlandProxy: false,
  addressPools: [],
  defaultNetworkOptions: {},
  allowDirectRouting: false,
  acceptMark: '',
  ip6tables: true,
});

const service = (more: Partial<NetworkOptions> = {}): NetworkService => {
  const one = new NetworkService({
    options: { ...options(), ...more },
    repository: new NetworkStore(db),
    firewall: new NftablesFirewall(silentLogger),
    relays: new PortRelays({
      binary: fileURLToPath(new URL('../../../shim/build/wharf-shim', import.meta.url)),
      socketPath: join(netnsDir, '../relay.sock'),
      logPath: '/dev/null',
      log: silentLogger,
    }),
    log: silentLogger,
    emit: (event) => events.push(event),
  });
  one.useContainers(directory);
  return one;
};

const request = (digit: string, more: Partial<ConnectSandboxRequest> = {}): ConnectSandboxRequest => ({
  containerId: id(digit),
  containerName: `c${digit}`,
  hostname: id(digit).slice(0, 12),
  networkMode: 'bridge',
  endpoints: {},
  portBindings: {},
  exposedPorts: [],
  publishAllPorts: false,
  macAddress: '',
  networkDisabled: false,
  ...more,
});

const publish = (key: string, hostPort: string, hostIp = ''): Pick<ConnectSandboxRequest, 'portBindings'> => ({
  portBindings: { [key]: [{ hostIp, hostPort }] },
});

const newNetwork = (name: string, more: Partial<CreateNetworkRequest> = {}): CreateNetworkRequest => ({
  name,
  driver: '',
  enableIpv4: null,
  enableIpv6: null,
  internal: false,
  attachable: false,
  ingress: false,
  configOnly: false,
  configFrom: '',
  scope: '',
  ipam: null,
  options: {},
  labels: {},
  ...more,
});

const pools = (subnet: string, more = {}): CreateNetworkRequest['ipam'] => ({
  driver: '',
  options: null,
  config: [{ subnet, ...more }],
});

/** Everything of the kernel that containers leave behind if somebody forgets it. */
const traces = (): object => {
  using socket = openRouteSocket();
  return {
    veths: listLinks(socket).filter(({ name, up }) => /^veth[0-9a-f]{7}$/.test(name) && up).length,
    netns: existsSync(netnsDir) ? readdirSync(netnsDir) : [],
    mounts: mounts().filter(({ mountPoint }) => mountPoint.startsWith(netnsDir)).length,
    elements: ['published4', 'published4_at'].map((map) =>
      nft('list', 'map', 'inet', 'wharfd', map).includes('elements'),
    ),
    leases: (db.sql.prepare('SELECT count(*) AS n FROM sandboxes').get() as { n: number }).n,
    files: readdirSync('/proc/self/fd').length,
  };
};

beforeAll(async () => {
  TestNetworks.playHost();
  world = new TestNetworks();
  neighbour = world.neighbour();
  netnsDir = join(world.dir, 'netns');
  mkdirSync(netnsDir);
  db = openDatabase(':memory:', silentLogger);
  networks = service();
  await networks.init();
  await networks.reconcile(new Set());
  // Opens what is opened once and kept, so that a leak of files can be told from it.
  await networks.connectSandbox(request('f', publish('80/tcp', '8080')));
  await networks.releaseSandbox(id('f'));
});

afterAll(async () => {
  await networks.shutdown();
  db.close();
  await world[Symbol.asyncDispose]();
});

describe('the default networks', () => {
  it('are bridge, host and none, the first on docker0', () => {
    const all = networks.list(new Map());
    expect(all.map(({ name, driver }) => `${name} ${driver}`).sort()).toEqual([
      'bridge bridge',
      'host host',
      'none null',
    ]);
    expect(networks.inspect('bridge').ipam.config).toMatchObject([{ subnet: '172.17.0.0/16', gateway: '172.17.0.1' }]);
    expect(execFileSync('ip', ['-br', 'addr', 'show', 'docker0']).toString()).toContain('172.17.0.1/16');
    expect(execFileSync('sysctl', ['-n', 'net.ipv4.ip_forward']).toString()).toBe('1\n');
  });

  it('can neither be removed nor made', async () => {
    await expect(networks.remove('bridge')).rejects.toThrow('bridge is a pre-defined network and cannot be removed');
    await expect(networks.create(newNetwork('host'))).rejects.toThrow(
      'operation is not permitted on predefined host network',
    );
  });
});

describe('a container on the default bridge', () => {
  it('is wired, published and torn down without a trace', async () => {
    const before = traces();
    const sandbox = await networks.connectSandbox(request('a', publish('80/tcp', '8080')));
    expect(sandbox.endpoints[0]).toMatchObject({
      networkName: 'bridge',
      ipAddress: '172.17.0.2',
      ipPrefixLen: 16,
      gateway: '172.17.0.1',
      macAddress: '02:42:ac:11:00:02',
      dnsNames: null,
    });
    expect(sandbox.ports).toEqual([{ containerPort: 80, proto: 'tcp', hostIp: '0.0.0.0', hostPort: 8080 }]);
    expect(sandbox.sandboxKey).toBe(join(netnsDir, sandbox.sandboxId.slice(0, 12)));
    const server = await world.serve(sandbox.netnsPath, 'web', 'tcp/80');
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8080)).toBe('web 192.0.2.2');
    expect(await world.dial(null, 'tcp', '127.0.0.1', 8080)).toBe('web 172.17.0.1');
    expect(await world.dial(sandbox.netnsPath, 'tcp', '192.0.2.1', 8080)).toMatch(/^web /);
    expect(await world.dial(sandbox.netnsPath, 'tcp', '172.17.0.1', 8080)).toMatch(/^web /);
    expect(networks.inspect('bridge').members).toMatchObject([{ containerName: 'ca', ipv4Address: '172.17.0.2/16' }]);
    server.kill('SIGKILL');
    await once(server, 'exit');
    networks.announceConnected(id('a'));
    await networks.releaseSandbox(id('a'));
    networks.announceConnected(id('a'));
    await networks.releaseSandbox(id('a'));
    expect(traces()).toEqual(before);
    expect(events.slice(-2).map(({ action }) => action)).toEqual(['connect', 'disconnect']);
  });

  it('gets the lowest free address, and its own loopback and default route only', async () => {
    const one = await networks.connectSandbox(request('a'));
    const two = await networks.connectSandbox(request('b'));
    expect(two.endpoints[0]?.ipAddress).toBe('172.17.0.3');
    await networks.releaseSandbox(id('a'));
    const three = await networks.connectSandbox(request('c'));
    expect(three.endpoints[0]?.ipAddress).toBe(one.endpoints[0]?.ipAddress);
    using inside = openRouteSocket(three.netnsPath ?? '');
    expect(listLinks(inside).map(({ name, up }) => [name, up])).toEqual([
      ['lo', true],
      ['eth0', true],
    ]);
    expect(listRoutes(inside).filter(({ destination }) => destination === null)).toMatchObject([
      { gateway: '172.17.0.1' },
    ]);
    await networks.releaseSandbox(id('b'));
    await networks.releaseSandbox(id('c'));
  });

  it('is soon gone even while somebody holds its namespace', async () => {
    const sandbox = await networks.connectSandbox(request('a'));
    const holder = await world.serve(sandbox.netnsPath, 'x', 'tcp/80');
    using socket = openRouteSocket();
    const veth = listLinks(socket).find(({ name }) => /^veth[0-9a-f]{7}$/.test(name))?.name ?? '';
    await networks.releaseSandbox(id('a'));
    expect(findLink(socket, veth)?.up).toBe(false);
    await expect.poll(() => findLink(socket, veth), { timeout: 5000 }).toBeNull();
    holder.kill('SIGKILL');
  });
});

describe('with five hundred containers', () => {
  it('one more looks at none of them', async () => {
    const store = new NetworkStore(db);
    await networks.connectSandbox(request('a', publish('80/tcp', '7001')));
    const { endpoints, ports } = networks.sandboxOf(id('a'))!;
    const places = Array.from({ length: 500 }, (_, index) => {
      const ipAddress = `172.17.${Math.floor((index + 3) / 256)}.${(index + 3) % 256}`;
      return {
        sandboxId: `${index}`.padStart(64, '0'),
        sandboxKey: join(netnsDir, String(index)),
        containerId: `${index}`.padStart(64, '0'),
        containerName: `many-${index}`,
        hostname: '',
        kind: 'private' as const,
        endpoints: [{ ...endpoints[0]!, ipAddress, hostInterface: '' }],
        ports: ports.map((one) => ({ ...one, hostPort: 20_000 + index, containerAddress: ipAddress })),
      };
    });
    for (const place of places) store.saveSandbox(place);
    const many = service();
    await many.init();
    const values = vi.spyOn(Sandboxes.prototype, 'values');
    const dump = vi.spyOn(NetlinkSocket.prototype, 'dump');
    const list = vi.spyOn(NetworkStore.prototype, 'listSandboxes');
    const { endpoints: own } = await many.connectSandbox(request('b', publish('80/tcp', '7002')));
    expect(own[0]?.ipAddress).toBe('172.17.1.247');
    await many.releaseSandbox(id('b'));
    for (const spy of [values, dump, list]) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
    await many.shutdown();
    for (const { containerId } of places) store.deleteSandbox(containerId);
    await networks.releaseSandbox(id('a'));
    await networks.init();
  });
});

describe('ports', () => {
  beforeEach(() =>
    networks.connectSandbox(request('a', publish('80/tcp', '8080'))).then(() => () => networks.releaseSandbox(id('a'))),
  );

  it('conflict in dockerd’s words, and the start leaves nothing', async () => {
    const before = traces();
    await expect(networks.connectSandbox(request('b', publish('80/tcp', '8080')))).rejects.toThrow(
      /^failed to set up container networking: driver failed programming external connectivity on endpoint cb \([0-9a-f]{64}\): Bind for 0.0.0.0:8080 failed: port is already allocated$/,
    );
    await expect(networks.connectSandbox(request('b', publish('80/tcp', '8080', '127.0.0.1')))).rejects.toThrow(
      'Bind for 0.0.0.0:8080 failed: port is already allocated',
    );
    await expect(networks.connectSandbox(request('b', publish('80/tcp', '8081', '203.0.113.7')))).rejects.toThrow(
      'failed to bind host port for 203.0.113.7:8081:172.17.0.3:80/tcp: cannot assign requested address',
    );
    const twice = { '80/tcp': ['8086', '8080'].map((hostPort) => ({ hostIp: '', hostPort })) };
    await expect(networks.connectSandbox(request('b', { portBindings: twice }))).rejects.toThrow('already allocated');
    expect(traces()).toEqual(before);
    await networks.connectSandbox(request('b', publish('80/tcp', '8086')));
    await networks.releaseSandbox(id('b'));
  });

  it('of a process of the host are respected, and ours are kept from it', async () => {
    const server = createServer().listen(8083, '0.0.0.0');
    await once(server, 'listening');
    await expect(networks.connectSandbox(request('b', publish('80/tcp', '8083')))).rejects.toThrow(
      'failed to bind host port for 0.0.0.0:8083:172.17.0.3:80/tcp: address already in use',
    );
    const sandbox = await networks.connectSandbox(request('b', publish('80/tcp', '8083-8085')));
    expect(sandbox.ports[0]?.hostPort).toBe(8084);
    server.close();
    const thief = createServer().listen(8080, '0.0.0.0');
    const [error] = (await once(thief, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).toBe('EADDRINUSE');
    await networks.releaseSandbox(id('b'));
  });

  it('are chosen from the ephemeral range, and shown when only exposed', async () => {
    const sandbox = await networks.connectSandbox(
      request('b', {
        exposedPorts: ['91/tcp', '92/udp'],
        publishAllPorts: true,
        portBindings: { '80/tcp': [{ hostIp: '', hostPort: '0' }] },
      }),
    );
    expect(sandbox.ports.map(({ hostPort }) => hostPort)).toEqual([32768, 32769, 32768]);
    await networks.releaseSandbox(id('b'));
    const exposed = await networks.connectSandbox(request('b', { exposedPorts: ['91/tcp'] }));
    expect(exposed.ports).toEqual([{ containerPort: 91, proto: 'tcp', hostIp: '', hostPort: 0 }]);
    await networks.releaseSandbox(id('b'));
  });
});

describe('other modes', () => {
  it('none has a loopback, host has the host’s namespace, container: has another’s', async () => {
    const before = traces();
    const none = await networks.connectSandbox(request('a', { networkMode: 'none', ...publish('80/tcp', '8080') }));
    using inside = openRouteSocket(none.netnsPath ?? '');
    expect(listLinks(inside).map(({ name }) => name)).toEqual(['lo']);
    inside[Symbol.dispose]();
    expect(none).toMatchObject({ ports: [], endpoints: [{ networkName: 'none', ipAddress: '' }] });
    const host = await networks.connectSandbox(request('b', { networkMode: 'host', ...publish('80/tcp', '8080') }));
    expect(host).toMatchObject({ netnsPath: null, sandboxKey: join(netnsDir, 'default'), ports: [] });
    const joined = await networks.connectSandbox(request('c', { networkMode: `container:${id('a')}` }));
    expect(joined).toMatchObject({ netnsPath: none.netnsPath, sandboxId: '', endpoints: [] });
    await expect(networks.connectSandbox(request('d', { networkMode: `container:${id('e')}` }))).rejects.toThrow(
      'cannot join network of a non running container',
    );
    await expect(networks.connectSandbox(request('d', { networkMode: 'nosuch' }))).rejects.toThrow(
      'failed to set up container networking: network nosuch not found',
    );
    for (const digit of ['a', 'b', 'c']) await networks.releaseSandbox(id(digit));
    expect(traces()).toEqual(before);
  });
});

describe('user-defined networks', () => {
  it('are made, isolated from others, and removed', async () => {
    const { id: first } = await networks.create(newNetwork('n1'));
    await networks.create(
      newNetwork('n2', { ipam: pools('10.6.0.0/24', { ipRange: '10.6.0.128/25', gateway: '10.6.0.254' }) }),
    );
    expect(networks.inspect('n1')).toMatchObject({ id: first, ipam: { config: [{ subnet: '172.18.0.0/16' }] } });
    const one = await networks.connectSandbox(request('a', { networkMode: 'n1' }));
    const two = await networks.connectSandbox(request('b', { networkMode: 'n2' }));
    const config = {
      ...noConfig,
      aliases: ['web'],
      ipamConfig: { ipv4Address: '10.6.0.3', ipv6Address: '', linkLocalIps: [] },
    };
    const fixed = await networks.connectSandbox(request('c', { networkMode: 'n2', endpoints: { n2: config } }));
    expect(two.endpoints[0]?.ipAddress).toBe('10.6.0.128');
    expect(fixed.endpoints[0]).toMatchObject({ ipAddress: '10.6.0.3', dnsNames: ['cc', 'web', id('c').slice(0, 12)] });
    await world.serve(two.netnsPath, 'two', 'tcp/80');
    expect(await world.dial(fixed.netnsPath, 'tcp', '10.6.0.128', 80)).toBe('two 10.6.0.3');
    expect(await world.dial(one.netnsPath, 'tcp', '10.6.0.128', 80)).toBe('nothing');
    await expect(
      networks.connectSandbox(request('d', { networkMode: 'n2', endpoints: { n2: config } })),
    ).rejects.toThrow('Address already in use');
    await expect(networks.remove('n1')).rejects.toThrow(
      /network n1 has active endpoints \(name:"ca" id:"[0-9a-f]{12}"\)$/,
    );
    for (const digit of ['a', 'b', 'c']) await networks.releaseSandbox(id(digit));
    await networks.remove('n1');
    await networks.remove('n2');
    using socket = openRouteSocket();
    expect(listLinks(socket).filter(({ name }) => name.startsWith('br-'))).toEqual([]);
  });

  it('refuse what dockerd refuses', async () => {
    await networks.create(newNetwork('n1', { ipam: pools('10.9.0.0/24') }));
    const refused = (one: CreateNetworkRequest, words: string): Promise<void> =>
      expect(networks.create(one)).rejects.toThrow(words);
    await refused(newNetwork('n1'), 'network with name n1 already exists');
    await refused(
      newNetwork('x', { ipam: pools('10.9.0.0/16') }),
      'Pool overlaps with other one on this address space',
    );
    await refused(
      newNetwork('x', { ipam: pools('10.8.0.7/24') }),
      'invalid subnet 10.8.0.7/24: it should be 10.8.0.0/24',
    );
    await refused(
      newNetwork('x', { ipam: pools('10.8.0.0/24', { gateway: '10.7.0.1' }) }),
      'invalid gateway 10.7.0.1: parent subnet',
    );
    await refused(newNetwork('x', { driver: 'nosuch' }), 'plugin "nosuch" not found');
    await refused(newNetwork(''), 'invalid name: name is empty');
    await networks.remove('n1');
  });

  it('never take away an interface that was there before them', async () => {
    execFileSync('ip', ['link', 'add', 'mybridge', 'type', 'bridge']);
    const named = (name: string): Partial<CreateNetworkRequest> => ({
      options: { 'com.docker.network.bridge.name': name },
    });
    await networks.create(newNetwork('n1', named('mybridge')));
    await networks.remove('n1');
    await expect(networks.create(newNetwork('n2', named('uplink')))).rejects.toThrow('uplink is not a bridge');
    await expect(networks.create(newNetwork('n3', named('docker0')))).rejects.toThrow('networks have same bridge name');
    using socket = openRouteSocket();
    expect(['mybridge', 'uplink', 'docker0'].map((name) => findLink(socket, name)?.name)).not.toContain(undefined);
    execFileSync('ip', ['link', 'del', 'mybridge']);
    expect(networks.list(new Map())).toHaveLength(3);
    expect((db.sql.prepare('SELECT count(*) AS n FROM networks').get() as { n: number }).n).toBe(3);
  });

  it('run out of addresses', async () => {
    await networks.create(newNetwork('tiny', { ipam: pools('10.5.0.0/30') }));
    await networks.connectSandbox(request('a', { networkMode: 'tiny' }));
    await expect(networks.connectSandbox(request('b', { networkMode: 'tiny' }))).rejects.toThrow(
      /no available IPv4 addresses on this network's address pools: tiny \([0-9a-f]{64}\)/,
    );
    await networks.releaseSandbox(id('a'));
    await networks.remove('tiny');
  });

  it('take running containers in and let them go', async () => {
    await networks.create(newNetwork('n1'));
    containers.set('a', running('bridge'));
    const sandbox = await networks.connectSandbox(request('a'));
    await networks.connect('n1', 'ca', noConfig);
    await expect(networks.connect('n1', 'ca', noConfig)).rejects.toThrow(
      'endpoint with name ca already exists in network n1',
    );
    using inside = openRouteSocket(sandbox.netnsPath ?? '');
    expect(findLink(inside, 'eth1')?.up).toBe(true);
    expect(networks.sandboxOf(id('a'))?.endpoints.map(({ networkName }) => networkName)).toEqual(['bridge', 'n1']);
    await networks.disconnect('bridge', 'ca', false);
    expect(findLink(inside, 'eth0')).toBeNull();
    expect(listRoutes(inside).filter(({ destination }) => destination === null)).toMatchObject([
      { gateway: '172.18.0.1' },
    ]);
    await expect(networks.disconnect('bridge', 'ca', false)).rejects.toThrow('is not connected to network bridge');
    await networks.disconnect('n1', 'ca', false);
    inside[Symbol.dispose]();
    await networks.releaseSandbox(id('a'));
    containers.clear();
    expect((await networks.prune(new Map())).deleted).toEqual(['n1']);
  });

  it('keep a name and a subnet until the interface is gone', async () => {
    const wanted = newNetwork('gone', { ipam: pools('10.77.0.0/24') });
    await networks.create(wanted);
    const removal = networks.remove('gone');
    expect(() => networks.inspect('gone')).toThrow('network gone not found');
    await expect(networks.remove('gone')).rejects.toThrow('network gone not found');
    await expect(networks.create(wanted)).rejects.toThrow('network with name gone already exists');
    await expect(networks.create({ ...wanted, name: 'next' })).rejects.toThrow('Pool overlaps with other one');
    await removal;
    await networks.create(wanted);
    await networks.remove('gone');
  });

  it('let go of a container once, however often they are told', async () => {
    await networks.create(newNetwork('twice'));
    containers.set('a', running('bridge', 'twice'));
    await networks.connectSandbox(request('a', { endpoints: { bridge: noConfig, twice: noConfig } }));
    const [first, second, third] = await Promise.allSettled([
      networks.disconnect('twice', 'ca', false),
      networks.disconnect('twice', 'ca', false),
      networks.connect('twice', 'ca', noConfig),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ reason: { message: expect.stringContaining('is not connected to network twice') } });
    expect(third.status).toBe('fulfilled');
    // The container ends while it is being disconnected.
    const leaving = networks.disconnect('twice', 'ca', false);
    await networks.releaseSandbox(id('a'));
    await leaving;
    expect(networks.sandboxOf(id('a'))).toBeNull();
    // And while it is connected, which moves its ports.
    containers.set('a', {
      ...running('bridge'),
      ports: { ...publish('80/tcp', '7003'), exposedPorts: [], publishAllPorts: false },
    });
    await networks.connectSandbox(request('a', publish('80/tcp', '7003')));
    const joining = networks.connect('twice', 'ca', { ...noConfig, gwPriority: 9 });
    await networks.releaseSandbox(id('a'));
    await Promise.allSettled([joining]);
    expect(traces()).toMatchObject({ netns: [], elements: [false, false] });
    expect(db.sql.prepare('SELECT count(*) AS n FROM sandboxes').get()).toEqual({ n: 0 });
    containers.clear();
    await networks.remove('twice');
  });

  it('speak IPv6 when asked to', async () => {
    await networks.create(newNetwork('six', { enableIpv6: true, ipam: pools('fd00:6::/64') }));
    const one = await networks.connectSandbox(request('a', { networkMode: 'six', ...publish('80/tcp', '8090') }));
    const two = await networks.connectSandbox(request('b', { networkMode: 'six' }));
    expect(one.endpoints[0]).toMatchObject({
      globalIpv6Address: 'fd00:6::2',
      globalIpv6PrefixLen: 64,
      ipv6Gateway: 'fd00:6::1',
    });
    expect(one.ports.map(({ hostIp, hostPort }) => `${hostIp} ${hostPort}`)).toEqual(['0.0.0.0 8090', ':: 8090']);
    await world.serve(one.netnsPath, 'six', 'tcp/80');
    expect(await world.dial(two.netnsPath, 'tcp', 'fd00:6::2', 80)).toBe('six fd00:6::3');
    expect(await world.dial(null, 'tcp', 'fd00:6::1', 8090, 3)).toMatch(/^six fd00:6::/);
    for (const digit of ['a', 'b']) await networks.releaseSandbox(id(digit));
    await networks.remove('six');
  });
});

describe('a daemon that comes back', () => {
  it('keeps running containers reachable and removes what nobody claims', async () => {
    const sandbox = await networks.connectSandbox(request('a', publish('80/tcp', '8080')));
    await networks.connectSandbox(request('b', publish('80/tcp', '8081')));
    await world.serve(sandbox.netnsPath, 'kept', 'tcp/80');
    const before = networks.inspect('bridge').id;
    execFileSync('ip', ['link', 'add', 'vethabcdef0', 'type', 'veth', 'peer', 'name', 'xyz']);
    execFileSync('ip', ['link', 'set', 'vethabcdef0', 'master', 'docker0', 'up']);
    await networks.shutdown();

    networks = service();
    containers.set('a', running('bridge'));
    await networks.init();
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8080)).toBe('kept 192.0.2.2');
    await networks.reconcile(new Set([id('a')]));
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8080)).toBe('kept 192.0.2.2');
    expect(networks.inspect('bridge')).toMatchObject({ id: before, members: [{ containerName: 'ca' }] });
    expect(networks.sandboxOf(id('b'))).toBeNull();
    expect(networks.sandboxOf(id('a'))).toEqual(sandbox);
    await expect(networks.connectSandbox(request('c', publish('80/tcp', '8080')))).rejects.toThrow(
      'port is already allocated',
    );
    expect((await networks.connectSandbox(request('c'))).endpoints[0]?.ipAddress).toBe('172.17.0.3');
    for (const digit of ['a', 'c']) await networks.releaseSandbox(id(digit));
    expect(traces()).toMatchObject({ veths: 0, netns: [], mounts: 0, elements: [false, false], leases: 0 });
    using socket = openRouteSocket();
    expect(findLink(socket, 'vethabcdef0')).toBeNull();
    containers.clear();
  });

  it('ends what its predecessor died in the middle of', async () => {
    await networks.create(newNetwork('half'));
    const restart = async (): Promise<void> => {
      await networks.shutdown();
      networks = service();
      await networks.init();
      await networks.reconcile(new Set([id('a')]));
    };
    const { netnsPath } = await networks.connectSandbox(
      request('a', { endpoints: { half: noConfig, bridge: noConfig } }),
    );
    const inside = (): object => {
      using socket = openRouteSocket(netnsPath ?? '');
      const out = listRoutes(socket).filter(({ destination }) => destination === null);
      return { links: listLinks(socket).length - 1, out: out.map(({ gateway }) => gateway) };
    };
    const both = { links: 2, out: ['172.17.0.1'] };
    expect(inside()).toEqual(both);
    // A veth that went without the store being told, and one that was only cut off.
    containers.set('a', running('bridge', 'half'));
    for (const damage of [['del'], ['set', 'down']]) {
      const { hostInterface = '' } = networks.sandboxOf(id('a'))?.endpoints[0] ?? {};
      execFileSync('ip', ['link', damage[0] ?? '', hostInterface, ...damage.slice(1)]);
      await restart();
      expect(inside()).toEqual(both);
      expect(await world.dial(netnsPath, 'tcp', '172.17.0.1', 1)).toBe('refused');
    }
    // A connect that the container was not told of.
    containers.set('a', running('half'));
    await restart();
    expect(networks.sandboxOf(id('a'))?.endpoints.map(({ networkName }) => networkName)).toEqual(['half']);
    expect(inside()).toEqual({ links: 1, out: ['172.18.0.1'] });
    // A disconnect that it was not told of.
    containers.set('a', running('bridge', 'half'));
    await restart();
    expect(containers.get('a')?.networkNames).toEqual(['half']);
    await networks.releaseSandbox(id('a'));
    containers.clear();
    await networks.remove('half');
  });

  it('follows --bip, and avoids what the host routes', async () => {
    await networks.shutdown();
    networks = service({ bip: '10.77.0.1/24' });
    await networks.init();
    expect(networks.inspect('bridge').ipam.config).toMatchObject([{ subnet: '10.77.0.0/24', gateway: '10.77.0.1' }]);
    expect(execFileSync('ip', ['-br', 'addr', 'show', 'docker0']).toString()).not.toContain('172.17');
    await networks.shutdown();
    execFileSync('ip', ['link', 'del', 'docker0']);
    using socket = openRouteSocket();
    socket.request(createLink('bridge', { name: 'vpn0', up: true }));
    execFileSync('ip', ['addr', 'add', '172.17.9.1/24', 'dev', 'vpn0']);
    execFileSync('ip', ['addr', 'add', '10.77.0.9/16', 'dev', 'vpn0']);
    networks = service();
    await networks.init();
    expect(networks.inspect('bridge').ipam.config).toMatchObject([{ subnet: '172.18.0.0/16' }]);
  });

  it.each(['0', '1'])(
    'keeps containers apart with --icc=false, bridge-nf-call-iptables=%s',
    async (bridgeNetfilter) => {
      execFileSync('sysctl', ['-qw', `net.bridge.bridge-nf-call-iptables=${bridgeNetfilter}`]);
      execFileSync('sysctl', ['-qw', `net.bridge.bridge-nf-call-ip6tables=${bridgeNetfilter}`]);
      await networks.shutdown();
      networks = service({ icc: false });
      await networks.init();
      const one = await networks.connectSandbox(request('a', publish('80/tcp', '8080')));
      const two = await networks.connectSandbox(request('b'));
      const server = await world.serve(one.netnsPath, 'one', 'tcp/80');
      expect(await world.dial(two.netnsPath, 'tcp', one.endpoints[0]?.ipAddress ?? '', 80)).toBe('nothing');
      expect(await world.dial(two.netnsPath, 'tcp', '192.0.2.1', 8080)).toMatch(/^one /);
      expect(await world.dial(one.netnsPath, 'tcp', '192.0.2.1', 8080)).toMatch(/^one /);
      server.kill('SIGKILL');
      for (const digit of ['a', 'b']) await networks.releaseSandbox(id(digit));
    },
  );

  it('has no default bridge with --bridge=none', async () => {
    await networks.shutdown();
    networks = service({ bridge: 'none' });
    await networks.init();
    expect(
      networks
        .list(new Map())
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['host', 'none']);
    const sandbox = await networks.connectSandbox(request('a', { networkMode: 'default' }));
    expect(sandbox.endpoints[0]?.networkName).toBe('none');
    await networks.releaseSandbox(id('a'));
  });
});
