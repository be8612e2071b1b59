import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createNetns, inNetns, removeNetns } from '../sys/namespaces.js';
import { addAddress, deleteAddress, listAddresses } from './addresses.js';
import {
  createLink,
  createVeth,
  deleteLink,
  findLink,
  LARGEST_BURST,
  listLinks,
  setBridgePort,
  setLink,
} from './links.js';
import { LinkRemover } from './link-remover.js';
import { NetlinkSocket } from './netlink-socket.js';
import { openRouteSocket } from './route-socket.js';
import { addRoute, deleteRoute, listRoutes } from './routes.js';
import { createMacvlan } from './stacked-links.js';
import { readSysctl, writeSysctl } from './sysctl.js';

let dir: string;
let host: string;
let container: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wharf-netlink-'));
  [host, container] = [join(dir, 'host'), join(dir, 'container')];
  createNetns(host);
  createNetns(container);
});
afterEach(() => {
  removeNetns(host);
  removeNetns(container);
  rmSync(dir, { recursive: true });
});

const ip = (netns: string, ...args: string[]): string =>
  execFileSync('nsenter', [`--net=${netns}`, 'ip', ...args]).toString();

function wire(): void {
  using there = openRouteSocket(host);
  using inside = openRouteSocket(container);
  there.request(createLink('bridge', { name: 'br0', up: true, mtu: 1400 }));
  const bridge = findLink(there, 'br0');
  if (!bridge) throw new Error('no bridge');
  there.request(addAddress({ link: bridge.index, address: '172.30.0.1', prefixLength: 16 }));
  const netnsFd = openSync(container, 'r');
  const peer = { name: 'eth0', macAddress: '02:42:ac:1e:00:02', netnsFd, index: 2 };
  there.request(createVeth({ name: 'veth0000001', mtu: 1400, master: bridge.index, peer }));
  closeSync(netnsFd);
  inside.request(
    setLink(1, { up: true }),
    setLink(2, { up: true }),
    addAddress({ link: 2, address: '172.30.0.2', prefixLength: 16 }),
    addRoute({ destination: null, gateway: '172.30.0.1', link: 2 }),
  );
}

describe('removing links', () => {
  it('leaves this thread free, and takes many at once, among them what is not there', async () => {
    using there = openRouteSocket(host);
    const names = Array.from({ length: 20 }, (_, index) => `br${index}`);
    for (const name of names) there.request(createLink('bridge', { name, up: true }));
    there.request(createLink('bridge', { name: 'stays', group: 7 }));
    const remover = new LinkRemover(openRouteSocket(host));
    const aside = vi.spyOn(NetlinkSocket.prototype, 'requestAside');
    let isBusy = true;
    let turns = 0;
    const turn = (): void => {
      turns++;
      if (isBusy) setImmediate(turn);
    };
    setImmediate(turn);
    const [first = '', ...others] = names;
    await Promise.all([first, ...others, 'br1', 'unknown'].map((name) => remover.remove(name)));
    isBusy = false;
    expect(listLinks(there).map(({ name }) => name)).toEqual(['lo', 'stays']);
    expect(turns).toBeGreaterThan(1);
    const asked = aside.mock.calls.map(([{ what }]) => what);
    expect(asked.filter((what) => what.includes('group'))).toHaveLength(1);
    aside.mockRestore();
    await remover.remove(first);
    await remover.close();
  });
});

describe('the largest packets', () => {
  it('are asked for by pair and by bridge, and of each end by itself', ({ skip }) => {
    using there = openRouteSocket(host);
    using inside = openRouteSocket(container);
    wire();
    if (findLink(there, 'br0')?.burst === 0) skip('Linux has them since 6.3');
    const bridge = findLink(there, 'br0')!;
    const netnsFd = openSync(container, 'r');
    const peer = { name: 'eth1', macAddress: '02:42:ac:1e:00:03', netnsFd, index: 3 };
    const pair = { name: 'veth0000002', mtu: 1500, master: bridge.index, burst: 200_000, peer };
    there.request(createVeth(pair));
    const both = { name: 'veth0000003', peer: { ...peer, name: 'eth2', index: 4, burst: LARGEST_BURST } };
    there.request(createVeth({ ...pair, ...both }));
    closeSync(netnsFd);
    const told = ['veth0000001', 'veth0000002', 'veth0000003'].map((name) => findLink(there, name)?.burst);
    expect(told).toEqual([65_536, 200_000, 200_000]);
    // Those of IPv6 stay as they are.
    expect(ip(host, '-d', 'link', 'show', 'veth0000002')).toContain('gso_max_size 65536');
    expect(['eth0', 'eth1', 'eth2'].map((name) => findLink(inside, name)?.burst)).toEqual([
      65_536,
      65_536,
      LARGEST_BURST,
    ]);
    there.request(setLink(bridge.index, { burst: LARGEST_BURST }));
    expect(findLink(there, 'br0')?.burst).toBe(LARGEST_BURST);
    expect(() => there.request(setLink(bridge.index, { burst: LARGEST_BURST + 1 }))).toThrow(/EINVAL/);
  });
});

describe('wiring a container', () => {
  it('reaches the gateway, by the eyes of ip(8) too', () => {
    wire();
    expect(ip(container, 'addr', 'show', 'eth0')).toContain('inet 172.30.0.2/16 brd 172.30.255.255 scope global eth0');
    expect(ip(container, 'link', 'show', 'eth0')).toMatch(/2: eth0.*<.*UP.*mtu 1400.*02:42:ac:1e:00:02/s);
    expect(ip(container, 'route')).toBe(
      'default via 172.30.0.1 dev eth0 \n172.30.0.0/16 dev eth0 proto kernel scope link src 172.30.0.2 \n',
    );
    expect(ip(host, 'link', 'show', 'master', 'br0')).toContain('veth0000001');
    const connect =
      'import socket,sys\ntry: socket.create_connection(("172.30.0.1", 9), 5)\nexcept ConnectionRefusedError: print("answered")';
    expect(execFileSync('nsenter', [`--net=${container}`, 'python3', '-c', connect]).toString()).toBe('answered\n');
  });

  it('puts a link on the host’s wire into it', () => {
    using there = openRouteSocket(host);
    using inside = openRouteSocket(container);
    there.request(createLink('bridge', { name: 'wire0', up: true }));
    const netnsFd = openSync(container, 'r');
    const settings = { name: 'eth0', parent: findLink(there, 'wire0')?.index ?? 0, netnsFd, index: 7, group: 99 };
    there.request(createMacvlan({ ...settings, macAddress: '02:42:ac:1e:00:09' }, 'private'));
    closeSync(netnsFd);
    const link = { index: 7, kind: 'macvlan', group: 99, up: false, macAddress: '02:42:ac:1e:00:09' };
    expect(findLink(inside, 'eth0')).toMatchObject(link);
    expect(ip(container, '-d', 'link', 'show', 'eth0')).toContain('macvlan mode private');
    expect(findLink(there, 'eth0')).toBeNull();
    expect(findLink(there, 'a-name-that-no-link-can-have')).toBeNull();
  });

  it('lists what is there and takes it away', () => {
    wire();
    using socket = openRouteSocket(host);
    const bridge = findLink(socket, 'br0');
    const veth = findLink(socket, 'veth0000001');
    expect(bridge).toMatchObject({ kind: 'bridge', up: true, mtu: 1400, master: 0 });
    expect(veth).toMatchObject({ kind: 'veth', up: true, master: bridge?.index });
    expect(listLinks(socket).map(({ name }) => name)).toEqual(expect.arrayContaining(['lo', 'br0', 'veth0000001']));
    expect(listAddresses(socket)).toContainEqual({ link: bridge?.index, address: '172.30.0.1', prefixLength: 16 });
    expect(listRoutes(socket)).toContainEqual({
      destination: { address: '172.30.0.0', prefixLength: 16 },
      gateway: null,
      link: bridge?.index,
    });
    socket.request(setBridgePort(veth?.index ?? 0, { isolated: true, hairpin: true }));
    expect(ip(host, '-d', 'link', 'show', 'veth0000001')).toMatch(/hairpin on.*isolated on/);
    socket.request(deleteLink('veth0000001'));
    expect(findLink(socket, 'veth0000001')).toBeNull();
    using inside = openRouteSocket(container);
    expect(listLinks(inside).some(({ name }) => name === 'eth0')).toBe(false);
  });

  it('speaks IPv6', () => {
    wire();
    using inside = openRouteSocket(container);
    inside.request(addAddress({ link: 2, address: 'fd00:7::2', prefixLength: 64 }));
    inside.request(addRoute({ destination: null, gateway: 'fd00:7::1', link: 2 }));
    expect(listAddresses(inside)).toContainEqual({ link: 2, address: 'fd00:7::2', prefixLength: 64 });
    expect(listRoutes(inside)).toContainEqual({ destination: null, gateway: 'fd00:7::1', link: 2 });
    expect(ip(container, '-6', 'addr', 'show', 'eth0')).not.toContain('tentative fd00');
    inside.request(deleteRoute({ destination: null, gateway: 'fd00:7::1', link: 2 }));
    inside.request(deleteAddress({ link: 2, address: 'fd00:7::2', prefixLength: 64 }));
    expect(listAddresses(inside).some(({ address }) => address === 'fd00:7::2')).toBe(false);
  });
});

describe('errors', () => {
  it('carry the code, what was tried, and the kernel’s explanation', () => {
    using socket = openRouteSocket(host);
    expect(() => socket.request(createLink('bridge', { name: 'lo' }))).toThrow(
      expect.objectContaining({ code: 'EEXIST', message: expect.stringContaining('create bridge lo') }),
    );
    expect(() => socket.request(addRoute({ destination: null, gateway: '10.9.9.9', link: 1 }))).toThrow(
      /ENETDOWN|Nexthop has invalid gateway|Device for nexthop is not up/,
    );
    expect(() => socket.request(deleteLink('nope'))).toThrow('ENODEV');
    expect(findLink(socket, 'nope')).toBeNull();
  });

  it('do not stop the later requests of a batch, and the first is told', () => {
    using socket = openRouteSocket(host);
    expect(() => socket.request(deleteLink('nope'), createLink('bridge', { name: 'd0' }), deleteLink('nope2'))).toThrow(
      "'delete link nope'",
    );
    expect(findLink(socket, 'd0')?.kind).toBe('bridge');
  });
});

describe('sockets and settings', () => {
  it('leave no file open', () => {
    const before = readdirSync('/proc/self/fd').length;
    openRouteSocket(host)[Symbol.dispose]();
    expect(() => openRouteSocket(join(dir, 'nope'))).toThrow('ENOENT');
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('list more links than fit in one answer', () => {
    using socket = openRouteSocket(host);
    for (let index = 0; index < 200; index++) socket.request(createLink('bridge', { name: `d${index}` }));
    expect(listLinks(socket).filter(({ kind }) => kind === 'bridge')).toHaveLength(200);
  });

  it('write the setting of the namespace entered', () => {
    const outside = readSysctl('net/ipv4/conf/default/route_localnet');
    inNetns(host, () => expect(writeSysctl('net/ipv4/conf/default/route_localnet', 1)).toBe(true));
    expect(inNetns(host, () => readSysctl('net/ipv4/conf/default/route_localnet'))).toBe('1');
    expect(inNetns(host, () => writeSysctl('net/ipv4/conf/default/route_localnet', 1))).toBe(false);
    expect(readSysctl('net/ipv4/conf/default/route_localnet')).toBe(outside);
    expect(readSysctl('net/no/such')).toBeNull();
  });
});
