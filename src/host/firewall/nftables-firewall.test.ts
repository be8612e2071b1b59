import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { closeSync, openSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { poll } from '../../../test/support/poll.js';
import { TestNetworks } from '../../../test/support/namespaces.js';
import { silentLogger } from '../../shared/logger.js';
import { addAddress } from '../netlink/addresses.js';
import { createLink, createVeth, findLink, setBridgePort, setLink } from '../netlink/links.js';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/netlink-socket.js';
import { openRouteSocket } from '../netlink/route-socket.js';
import { addRoute } from '../netlink/routes.js';
import { writeSysctl } from '../netlink/sysctl.js';
import type { FirewallState, PortRule } from './firewall.js';
import { NftablesFirewall } from './nftables-firewall.js';
import { generation } from './nftables-state.js';

/** A listing's lines without what holds them together, in an order of their own: elements are listed as the kernel keeps them. */
const sorted = (listing: string): string[] =>
  listing
    .split('\n')
    .map((line) => line.replace(/elements = \{|[{},]/g, '').trim())
    .sort();
const nft = (...args: string[]): string => execFileSync('nft', args, { stdio: ['ignore', 'pipe', 'pipe'] }).toString();

let world: TestNetworks;
let neighbour: string;
let one: string;
let two: string;
let other: string;
const firewall = new NftablesFirewall(silentLogger);

function bridge(name: string, subnet: string, members: { netns: string; address: string }[]): void {
  using host = openRouteSocket();
  host.request(createLink('bridge', { name, up: true }));
  const link = findLink(host, name)?.index ?? 0;
  host.request(addAddress({ link, address: `${subnet}.1`, prefixLength: 16 }));
  writeSysctl(`net/ipv4/conf/${name}/route_localnet`, 1);
  members.forEach(({ netns, address }, index) => {
    const netnsFd = openSync(netns, 'r');
    const macAddress = `02:42:00:00:${subnet.slice(4, 6)}:0${index + 2}`;
    const peer = { name: 'eth0', macAddress, netnsFd, index: 2 };
    host.request(createVeth({ name: `${name}v${index}`, mtu: 1500, master: link, peer }));
    host.request(setBridgePort(`${name}v${index}`, { hairpin: true }));
    closeSync(netnsFd);
    using there = openRouteSocket(netns);
    there.request(
      setLink(2, { up: true }),
      addAddress({ link: 2, address, prefixLength: 16 }),
      addRoute({ destination: null, gateway: `${subnet}.1`, link: 2 }),
    );
  });
}

const port = (hostIp: string, hostPort: number, proto: PortRule['proto'] = 'tcp', containerPort = 80): PortRule => ({
  proto,
  hostIp,
  hostPort,
  containerAddress: '172.17.0.2',
  containerPort,
});

const rules = (name: string, subnet: string, icc = true): FirewallState['bridges'][number] => ({
  name,
  subnets: [{ block: subnet, translation: 'host', unprotected: false }],
  icc,
  internal: false,
});

const state = (ports: PortRule[], icc = true): FirewallState => ({
  bridges: [rules('docker0', '172.17.0.0/16', icc), rules('br-other', '172.18.0.0/16')],
  ports,
  forwardingSwitchedOn: false,
});

beforeAll(async () => {
  TestNetworks.playHost();
  world = new TestNetworks();
  neighbour = world.neighbour();
  [one, two, other] = ['one', 'two', 'other'].map((name) => world.namespace(name)) as [string, string, string];
  bridge('docker0', '172.17.0', [
    { netns: one, address: '172.17.0.2' },
    { netns: two, address: '172.17.0.3' },
  ]);
  bridge('br-other', '172.18.0', [{ netns: other, address: '172.18.0.2' }]);
  writeSysctl('net/ipv4/ip_forward', 1);
  await world.serve(one, 'one', 'tcp/80', 'udp/80', 'tcp/81');
  await world.serve(two, 'two', 'tcp/80');
  await world.serve(other, 'other', 'tcp/80');
  await world.serve(neighbour, 'neighbour', 'tcp/80');
  await world.serve(null, 'host', 'tcp/9999');
});

afterAll(async () => {
  firewall[Symbol.dispose]();
  await world[Symbol.asyncDispose]();
});

describe('a port published on all addresses', () => {
  beforeAll(() => firewall.sync(state([port('0.0.0.0', 8080), port('0.0.0.0', 8080, 'udp')])));

  it.each(['tcp', 'udp'] as const)('answers neighbours, and sees who they are (%s)', async (proto) => {
    expect(await world.dial(neighbour, proto, '192.0.2.1', 8080)).toBe('one 192.0.2.2');
  });

  it.each(['tcp', 'udp'] as const)('answers the host on 127.0.0.1 and on its own addresses (%s)', async (proto) => {
    expect(await world.dial(null, proto, '127.0.0.1', 8080)).toBe('one 172.17.0.1');
    expect(await world.dial(null, proto, '127.0.0.5', 8080)).toBe('one 172.17.0.1');
    expect(await world.dial(null, proto, '192.0.2.1', 8080)).toMatch(/^one /);
    expect(await world.dial(null, proto, '172.17.0.1', 8080)).toMatch(/^one /);
  });

  it('answers containers: on the same bridge, on another one, and itself', async () => {
    expect(await world.dial(two, 'tcp', '192.0.2.1', 8080)).toMatch(/^one /);
    expect(await world.dial(two, 'tcp', '172.17.0.1', 8080)).toMatch(/^one /);
    expect(await world.dial(other, 'tcp', '192.0.2.1', 8080)).toMatch(/^one /);
    expect(await world.dial(other, 'tcp', '172.18.0.1', 8080)).toMatch(/^one /);
    expect(await world.dial(one, 'tcp', '192.0.2.1', 8080)).toMatch(/^one /);
    expect(await world.dial(one, 'udp', '192.0.2.1', 8080)).toMatch(/^one /);
  });
});

describe('what is not published', () => {
  beforeAll(() => firewall.sync(state([port('127.0.0.1', 8081), port('192.0.2.1', 8082)])));

  it('is out of reach for neighbours that route to the bridge', async () => {
    expect(await world.dial(neighbour, 'tcp', '172.17.0.2', 80)).toBe('nothing');
    expect(await world.dial(neighbour, 'tcp', '172.17.0.2', 81)).toBe('nothing');
  });

  it('is out of reach for other bridges, and in reach on the same one', async () => {
    expect(await world.dial(other, 'tcp', '172.17.0.2', 80)).toBe('nothing');
    expect(await world.dial(two, 'tcp', '172.17.0.2', 80)).toBe('one 172.17.0.3');
  });

  it('keeps a loopback port from neighbours, even where loopback is routed', async () => {
    expect(await world.dial(null, 'tcp', '127.0.0.1', 8081)).toBe('one 172.17.0.1');
    expect(await world.dial(null, 'tcp', '192.0.2.1', 8081)).toBe('refused');
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8081)).toBe('refused');
    writeSysctl('net/ipv4/conf/uplink/route_localnet', 1);
    const route = ['ip', 'route', 'add', '127.0.0.1/32', 'via', '192.0.2.1', 'table', 'local'];
    execFileSync('nsenter', [`--net=${neighbour}`, 'ip', 'route', 'del', '127.0.0.1', 'table', 'local']);
    execFileSync('nsenter', [`--net=${neighbour}`, 'sysctl', '-qw', 'net.ipv4.conf.eth0.route_localnet=1']);
    execFileSync('nsenter', [`--net=${neighbour}`, ...route.slice(0, 6)]);
    expect(await world.dial(neighbour, 'tcp', '127.0.0.1', 8081)).not.toMatch(/^one/);
    writeSysctl('net/ipv4/conf/uplink/route_localnet', 0);
  });

  it('keeps the host’s loopback from containers', async () => {
    expect(await world.dial(null, 'tcp', '127.0.0.1', 9999)).toBe('host 127.0.0.1');
    execFileSync('nsenter', [`--net=${two}`, 'sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1']);
    execFileSync('nsenter', [`--net=${two}`, 'ip', 'route', 'del', '127.0.0.0/8', 'table', 'local']);
    execFileSync('nsenter', [`--net=${two}`, 'ip', 'route', 'del', '127.0.0.1', 'table', 'local']);
    execFileSync('nsenter', [`--net=${two}`, 'ip', 'route', 'add', '127.0.0.1', 'via', '172.17.0.1']);
    expect(await world.dial(two, 'tcp', '127.0.0.1', 9999)).toBe('nothing');
  });

  it('binds a port to one of the host’s addresses only', async () => {
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8082)).toBe('one 192.0.2.2');
    expect(await world.dial(null, 'tcp', '127.0.0.1', 8082)).toBe('refused');
  });

  it('lets containers out with the host’s address', async () => {
    expect(await world.dial(one, 'tcp', '192.0.2.2', 80)).toBe('neighbour 192.0.2.1');
  });
});

describe('ports one by one', () => {
  beforeEach(() => firewall.sync(state([])));

  it('are added and removed in process, many in one transaction', async () => {
    const ports = Array.from({ length: 300 }, (_, index) => port('0.0.0.0', 10_000 + index));
    await firewall.publish([...ports, port('127.0.0.1', 8085, 'udp')]);
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 10_299)).toBe('one 192.0.2.2');
    expect(await world.dial(null, 'udp', '127.0.0.1', 8085)).toBe('one 172.17.0.1');
    await firewall.unpublish([...ports, port('0.0.0.0', 9)]);
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 10_299)).toBe('refused');
    expect(nft('list', 'map', 'inet', 'wharfd', 'published4')).not.toContain('elements');
    expect(nft('list', 'map', 'inet', 'wharfd', 'published4_at')).toContain('127.0.0.1 . udp . 8085 : 172.17.0.2 . 80');
  });

  it('move to another container', async () => {
    await firewall.publish([port('0.0.0.0', 8086)]);
    await firewall.publish([{ ...port('0.0.0.0', 8086), containerAddress: '172.17.0.3' }]);
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8086)).toBe('two 192.0.2.2');
  });

  it('are followed by those who send to them already (udp)', async () => {
    const script = [
      'import socket, sys',
      's = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("192.0.2.2", 5353)); s.settimeout(0.5)',
      'for line in sys.stdin:',
      '    try:',
      '        s.sendto(b"x", ("192.0.2.1", 8090)); print(s.recv(100).decode().replace("::ffff:", ""), flush=True)',
      '    except OSError: print("nothing", flush=True)',
    ].join('\n');
    const sender = spawn('nsenter', [`--net=${neighbour}`, 'python3', '-c', script], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const answers = createInterface({ input: sender.stdout })[Symbol.asyncIterator]();
    const send = async (): Promise<string> => {
      sender.stdin.write('\n');
      return String((await answers.next()).value);
    };
    await firewall.sync(state([]));
    expect(await send()).toBe('nothing');
    await firewall.publish([port('0.0.0.0', 8090, 'udp')]);
    expect(await send()).toBe('one 192.0.2.2');
    await firewall.unpublish([port('0.0.0.0', 8090, 'udp')]);
    expect(await send()).toBe('nothing');
    sender.kill('SIGKILL');
  });

  it('carry IPv6', async () => {
    await firewall.publish([{ ...port('::', 8087), containerAddress: 'fd00::2' }]);
    await firewall.publish([{ ...port('fd00:1::1', 8087), containerAddress: 'fd00::2' }]);
    expect(nft('list', 'map', 'inet', 'wharfd', 'published6')).toContain('tcp . 8087 : fd00::2 . 80');
    expect(nft('list', 'map', 'inet', 'wharfd', 'published6_at')).toContain('fd00:1::1 . tcp . 8087 : fd00::2 . 80');
  });
});

describe('bridges one by one', () => {
  const several: FirewallState['bridges'] = [
    rules('br-a', '172.30.0.0/16'),
    { ...rules('br-b', '172.31.0.0/16', false), internal: true },
    {
      ...rules('br-abcdef012345', '10.0.0.0/30'),
      subnets: [
        { block: '10.0.0.0/30', translation: '192.0.2.1', unprotected: true },
        { block: 'fd00:5::/60', translation: 'host', unprotected: true },
        { block: 'fd00:6::/64', translation: 'fd00:1::1', unprotected: false },
      ],
    },
    { ...rules('br-c', '10.9.0.0/17'), subnets: [{ block: '10.9.0.0/17', translation: null, unprotected: false }] },
  ];
  const table = (): string => nft('-s', 'list', 'table', 'inet', 'wharfd');

  it('are what a whole sync would have made of them, and go without a trace', async () => {
    await firewall.sync({ ...state([]), bridges: [] });
    const empty = table();
    await firewall.sync({ ...state([]), bridges: several });
    const whole = table();
    await firewall.sync({ ...state([]), bridges: [] });
    for (const one of several) await firewall.addBridge(one);
    expect(sorted(table())).toEqual(sorted(whole));
    await firewall.addBridge({ ...several[0]!, icc: false });
    await firewall.addBridge(several[0]!);
    await firewall.repair();
    expect(sorted(table())).toEqual(sorted(whole));
    for (const { name } of several) await firewall.removeBridge(name);
    await firewall.removeBridge('br-unknown');
    expect(table()).toBe(empty);
  });

  it('keep what passes over them apart', async () => {
    const [first, second] = state([]).bridges;
    await firewall.sync({ ...state([port('0.0.0.0', 8080)]), bridges: [] });
    await firewall.addBridge(first!);
    await firewall.addBridge(second!);
    expect(await world.dial(one, 'tcp', '192.0.2.2', 80)).toBe('neighbour 192.0.2.1');
    expect(await world.dial(two, 'tcp', '192.0.2.1', 8080)).toMatch(/^one /);
    expect(await world.dial(other, 'tcp', '172.17.0.2', 80)).toBe('nothing');
    expect(await world.dial(two, 'tcp', '172.17.0.2', 80)).toBe('one 172.17.0.3');
  });

  it('are put back with the rest after a flush', async () => {
    await firewall.sync(state([]));
    nft('flush', 'ruleset');
    await firewall.addBridge(several[0]!);
    expect(table()).toContain('172.30.0.0/16 . "br-a"');
    expect(table()).toContain('"docker0"');
    nft('flush', 'ruleset');
    await firewall.removeBridge('br-a');
    expect(table()).not.toContain('br-a');
    expect(table()).toContain('"docker0"');
  });
});

describe('with five hundred', () => {
  const bridgeOf = (index: number): FirewallState['bridges'][number] =>
    rules(`br-${index}`, `10.${index >> 8}.${index & 255}.0/24`);
  const portOf = (index: number): PortRule => ({
    ...port('0.0.0.0', 20_000 + index),
    containerAddress: `172.17.${index >> 8}.${index & 255}`,
  });

  /** What is said to the kernel: questions, lists, and the bytes of transactions. */
  async function cost(work: () => Promise<void>): Promise<{ gets: number; dumps: number; sent: number[] }> {
    const [get, dump] = [vi.spyOn(NetlinkSocket.prototype, 'get'), vi.spyOn(NetlinkSocket.prototype, 'dump')];
    const sent: number[] = [];
    const transact = vi.spyOn(NetlinkSocket.prototype, 'transact').mockImplementation(function (
      this: NetlinkSocket,
      build,
    ) {
      return original.call(this, (next) => {
        const built = build(next);
        sent.push(built.data.length);
        return built;
      });
    });
    try {
      await work();
      return { gets: get.mock.calls.length, dumps: dump.mock.calls.length, sent };
    } finally {
      for (const spy of [get, dump, transact]) spy.mockRestore();
    }
  }
  const original = NetlinkSocket.prototype.transact;

  it('one more port or bridge costs what the first did', async () => {
    await firewall.sync({ ...state([]), bridges: [] });
    const publish = (index: number): Promise<void> => firewall.publish([portOf(index)]);
    const unpublish = (index: number): Promise<void> => firewall.unpublish([portOf(index)]);
    const add = (index: number): Promise<void> => firewall.addBridge(bridgeOf(index));
    const remove = (index: number): Promise<void> => firewall.removeBridge(`br-${index}`);
    const steps = [publish, add, unpublish, remove];
    const atFirst = [];
    for (const step of steps) atFirst.push(await cost(() => step(100)));
    for (let index = 0; index < 500; index++) {
      if (index !== 100) await publish(index);
      if (index !== 100) await add(index);
    }
    const atLast = [];
    for (const step of steps) atLast.push(await cost(() => step(100)));
    expect(atLast).toEqual(atFirst);
    expect(atFirst[0]).toMatchObject({ dumps: 0, sent: [expect.any(Number)] });
    expect(nft('list', 'map', 'inet', 'wharfd', 'published4').match(/ : /g)).toHaveLength(500);
  });
});

describe('the rules', () => {
  it('come back after a flush, ports included', async () => {
    await firewall.sync(state([port('0.0.0.0', 8080)]));
    expect(await firewall.isIntact()).toBe(true);
    nft('flush', 'ruleset');
    expect(await firewall.isIntact()).toBe(false);
    await firewall.publish([port('0.0.0.0', 8088)]);
    expect(await firewall.isIntact()).toBe(true);
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8080)).toBe('one 192.0.2.2');
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8088)).toBe('one 192.0.2.2');
  });

  it('are not written again where nobody has changed anything', async () => {
    const wanted = state([port('0.0.0.0', 8080)]);
    using socket = NetlinkSocket.open(NETLINK_NETFILTER);
    await firewall.sync(wanted);
    const before = generation(socket);
    await firewall.sync(wanted);
    expect(generation(socket)).toBe(before);
  });

  it('are the same after a second sync, and keep the administrator’s chain', async () => {
    await firewall.sync(state([port('0.0.0.0', 8080)]));
    const first = nft('list', 'table', 'inet', 'wharfd');
    nft('add', 'rule', 'inet', 'wharfd', 'wharf-user', 'ip', 'saddr', '192.0.2.2', 'drop');
    await firewall.sync(state([port('0.0.0.0', 8080)]));
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8080)).toBe('nothing');
    nft('flush', 'chain', 'inet', 'wharfd', 'wharf-user');
    expect(nft('list', 'table', 'inet', 'wharfd')).toBe(first);
  });

  it('are put back when somebody removes them, the administrator’s own excepted', async () => {
    const state8080 = state([port('0.0.0.0', 8080)]);
    await firewall.sync({ ...state8080, forwardingSwitchedOn: true });
    const whole = nft('list', 'table', 'inet', 'wharfd');
    for (const damage of [
      ['flush', 'ruleset'],
      ['delete', 'table', 'inet', 'wharfd'],
      ['flush', 'chain', 'inet', 'wharfd', 'into-bridge'],
      ['flush', 'map', 'inet', 'wharfd', 'published4'],
      ['flush', 'set', 'inet', 'wharfd', 'bridges'],
    ]) {
      nft(...damage);
      expect(nft('list', 'ruleset')).not.toContain(whole);
      await firewall.repair();
      expect(nft('list', 'table', 'inet', 'wharfd')).toBe(whole);
    }
    nft('add', 'rule', 'inet', 'wharfd', 'wharf-user', 'ip', 'saddr', '192.0.2.9', 'drop');
    nft('add', 'table', 'inet', 'foreign');
    const changed = nft('-a', 'list', 'table', 'inet', 'wharfd');
    await firewall.repair();
    expect(nft('-a', 'list', 'table', 'inet', 'wharfd')).toBe(changed);
    await firewall.publish([port('0.0.0.0', 8081)]);
    nft('delete', 'element', 'inet', 'wharfd', 'published4', '{ tcp . 8081 }');
    await firewall.repair();
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8081)).toBe('one 192.0.2.2');
    nft('delete', 'table', 'inet', 'foreign');
    await firewall.teardown();
    await firewall.repair();
    expect(nft('list', 'tables')).not.toContain('wharfd');
  });

  it('let through what routed and unprotected networks allow, and no more', async () => {
    const direct: PortRule = { ...port('', 0), containerPort: 81 };
    const mode = (translation: string | null, unprotected: boolean): FirewallState => {
      const [first, ...others] = state([]).bridges;
      const subnets = (first?.subnets ?? []).map(({ block }) => ({ block, translation, unprotected }));
      return { ...state([]), bridges: [...(first ? [{ ...first, subnets }] : []), ...others] };
    };
    await firewall.sync({ ...mode(null, false), ports: [{ ...direct, containerPort: 80 }] });
    expect(await world.dial(neighbour, 'tcp', '172.17.0.2', 80)).toBe('one 192.0.2.2');
    expect(await world.dial(one, 'tcp', '192.0.2.2', 80)).toBe('neighbour 172.17.0.2');
    await firewall.unpublish([{ ...direct, containerPort: 80 }]);
    expect(await world.dial(neighbour, 'tcp', '172.17.0.2', 80)).toBe('nothing');
    await firewall.publish([{ ...direct, containerPort: 80 }]);
    expect(await world.dial(neighbour, 'tcp', '172.17.0.2', 80)).toBe('one 192.0.2.2');
    await firewall.sync(mode('host', true));
    expect(await world.dial(neighbour, 'tcp', '172.17.0.2', 80)).toBe('one 192.0.2.2');
    await firewall.sync(mode('192.0.2.1', false));
    expect(await world.dial(neighbour, 'tcp', '172.17.0.2', 80)).toBe('nothing');
    expect(await world.dial(one, 'tcp', '192.0.2.2', 80)).toBe('neighbour 192.0.2.1');
  });

  it('replace what a former daemon left', async () => {
    await firewall.sync(state([port('0.0.0.0', 8080), port('0.0.0.0', 8089)]));
    const next = new NftablesFirewall(silentLogger);
    await next.sync(state([port('0.0.0.0', 8080)]));
    expect(nft('list', 'map', 'inet', 'wharfd', 'published4')).not.toContain('8089');
    next[Symbol.dispose]();
  });

  it('pass a FORWARD chain that drops, and leave it as it was', async () => {
    const save = (): string => execFileSync('iptables-nft', ['-S', 'FORWARD']).toString();
    execFileSync('iptables-nft', ['-P', 'FORWARD', 'DROP']);
    await firewall.sync(state([port('0.0.0.0', 8080)]));
    await firewall.sync(state([port('0.0.0.0', 8080)]));
    expect(save()).toBe('-P FORWARD DROP\n-A FORWARD -j WHARF-FORWARD\n');
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8080)).toBe('one 192.0.2.2');
    expect(await world.dial(neighbour, 'tcp', '172.17.0.2', 80)).toBe('nothing');
    const ours = (): string => execFileSync('iptables-nft', ['-S', 'WHARF-FORWARD']).toString();
    await firewall.addBridge(rules('br-late', '172.30.0.0/16'));
    expect(ours()).toContain('-i br-late -j ACCEPT');
    await firewall.removeBridge('br-late');
    expect(ours()).not.toContain('br-late');
    expect(ours()).toContain('-o docker0 -j ACCEPT');
    execFileSync('iptables-nft', ['-P', 'FORWARD', 'ACCEPT']);
    await firewall.addBridge(rules('br-late', '172.30.0.0/16'));
    expect(save()).toBe('-P FORWARD ACCEPT\n');
    execFileSync('iptables-nft', ['-P', 'FORWARD', 'DROP']);
    await firewall.removeBridge('br-late');
    await firewall.teardown();
    expect(save()).toBe('-P FORWARD DROP\n');
    execFileSync('iptables-nft', ['-P', 'FORWARD', 'ACCEPT']);
  });

  it('pass a FORWARD chain of legacy iptables, also after somebody flushed that', async ({ skip }) => {
    const legacy = (...args: string[]): string => execFileSync('iptables-legacy', args, { stdio: 'pipe' }).toString();
    try {
      legacy('-P', 'FORWARD', 'DROP');
    } catch {
      skip('this kernel has no legacy iptables');
    }
    await firewall.sync(state([port('0.0.0.0', 8080)]));
    const open = '-P FORWARD DROP\n-A FORWARD -j WHARF-FORWARD\n';
    expect(legacy('-S', 'FORWARD')).toBe(open);
    expect(await world.dial(neighbour, 'tcp', '192.0.2.1', 8080)).toBe('one 192.0.2.2');
    const repaired = (what: string, isSo: () => boolean): Promise<unknown> =>
      poll(what, () => firewall.repair().then(isSo), { timeoutMs: 60_000, everyMs: 500 });
    legacy('-F');
    await repaired('the chain to be passed again', () => legacy('-S', 'FORWARD') === open);
    expect(legacy('-S', 'WHARF-FORWARD')).toContain('-o docker0 -j ACCEPT');
    legacy('-P', 'FORWARD', 'ACCEPT');
    await repaired('the chain to be left alone', () => legacy('-S', 'FORWARD') === '-P FORWARD ACCEPT\n');
    legacy('-P', 'FORWARD', 'DROP');
    await firewall.removeBridge('docker0');
    await firewall.addBridge(rules('docker0', '172.17.0.0/16'));
    expect(legacy('-S', 'FORWARD')).toBe(open);
    await firewall.teardown();
    expect(legacy('-S', 'FORWARD')).toBe('-P FORWARD DROP\n');
    legacy('-P', 'FORWARD', 'ACCEPT');
  });

  it('keep the host from becoming a router', async () => {
    const elsewhere = world.namespace('elsewhere');
    bridge('br-foreign', '172.19.0', [{ netns: elsewhere, address: '172.19.0.2' }]);
    await world.serve(elsewhere, 'elsewhere', 'tcp/80');
    await firewall.sync(state([]));
    expect(await world.dial(neighbour, 'tcp', '172.19.0.2', 80)).toBe('elsewhere 192.0.2.2');
    await firewall.sync({ ...state([]), forwardingSwitchedOn: true });
    await firewall.sync(state([]));
    expect(await world.dial(neighbour, 'tcp', '172.19.0.2', 80)).toBe('nothing');
    expect(await world.dial(one, 'tcp', '192.0.2.2', 80)).toBe('neighbour 192.0.2.1');
  });

  it('are gone after teardown', async () => {
    await firewall.sync(state([port('0.0.0.0', 8080)]));
    await firewall.teardown();
    await firewall.teardown();
    expect(nft('list', 'tables')).not.toContain('wharfd');
  });
});
