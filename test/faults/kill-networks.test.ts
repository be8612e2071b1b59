import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ApiReply } from '../support/api-client.js';
import { Box } from '../support/box.js';
import { runOk } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const ROUNDS = Number(process.env['WHARF_TEST_ROUNDS'] ?? 10);

const post = (path: string, body?: unknown): Promise<ApiReply> => suite.daemon.api.post(path, body);
const host = async (...command: string[]): Promise<string> => {
  const { code, stdout, stderr } = await suite.daemon.holder.run(command);
  expect(code, stderr).toBe(0);
  return stdout;
};
const names = (json: string): string[] => (JSON.parse(json) as { ifname: string }[]).map(({ ifname }) => ifname);

/** What the daemon says that there is of networks. */
async function told(box: Box): Promise<object> {
  const networks = (await suite.daemon.api.get('/networks')).json as any[];
  const bridges = networks.filter(({ Driver }) => Driver === 'bridge');
  const { Networks, Ports } = (await box.inspect()).NetworkSettings;
  const places = Object.entries<any>(Networks);
  const inspected = await Promise.all(
    places.map(([name]) => suite.daemon.api.get(`/networks/${name}`).then(({ json }) => json)),
  );
  const subnet = ({ IPAM }: any): string => IPAM.Config[0].Subnet;
  return {
    bridges: bridges
      .map(({ Options, Id }) => Options['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`)
      .sort(),
    veths: places.length,
    routes: bridges.map(subnet).sort(),
    addresses: places.map(([, { IPAddress, IPPrefixLen }]) => `${IPAddress}/${IPPrefixLen}`).sort(),
    members: inspected.map(({ Name, Containers }) => [Name, Object.keys(Containers as object)]),
    gateways: 1,
    ports: Object.values<any>(Ports)
      .flat()
      .filter(({ HostIp }) => HostIp === '0.0.0.0').length,
    relayed: Object.values<any>(Ports)
      .flat()
      .filter(({ HostIp }) => HostIp === '::').length,
    firewall: bridges
      .map(({ Options, Id }) => Options['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`)
      .sort(),
    subnets: bridges.map(subnet).sort(),
    namespaces: 1,
  };
}

/** The same by what the kernel has. */
async function found(box: Box, pid: number): Promise<object> {
  const inside = (...command: string[]): Promise<string> => runOk('nsenter', [`--net=/proc/${pid}/ns/net`, ...command]);
  const places = Object.keys((await box.inspect()).NetworkSettings.Networks as object);
  const { nftables } = JSON.parse(await host('nft', '-j', 'list', 'table', 'inet', 'wharfd')) as { nftables: any[] };
  const elements = (name: string): any[] =>
    nftables.map(({ set, map }) => set ?? map).find((one) => one?.name === name)?.elem ?? [];
  const inet = (JSON.parse(await inside('ip', '-4', '-j', 'addr')) as any[])
    .filter(({ ifname }) => ifname !== 'lo')
    .flatMap(({ addr_info }) => addr_info as any[]);
  return {
    bridges: names(await host('ip', '-j', 'link', 'show', 'type', 'bridge')).sort(),
    veths: (await host('ip', '-o', 'link')).split('\n').filter((line) => /: veth.*state UP/.test(line)).length,
    routes: (JSON.parse(await host('ip', '-4', '-j', 'route')) as any[]).map(({ dst }) => dst as string).sort(),
    addresses: inet.map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort(),
    members: places.map((name) => [name, [box.id]]),
    gateways: (JSON.parse(await inside('ip', '-4', '-j', 'route', 'show', 'default')) as any[]).length,
    ports: elements('published4').length,
    relayed: (await host('ss', '-Hltn')).split('\n').filter((line) => line.includes('[::]:8080')).length,
    firewall: [...elements('bridges')].sort(),
    subnets: elements('own4')
      .map(({ concat: [{ prefix }] }: any) => `${prefix.addr}/${prefix.len}`)
      .sort(),
    namespaces: readdirSync(join(suite.daemon.execRoot, 'netns')).length,
  };
}

/** Works on both at once, kills the daemon somewhere in it, and compares what the next one says with what there is. */
async function killDuring(box: Box, pid: number, work: () => Promise<unknown>, withinMs: number): Promise<void> {
  const { daemon } = suite;
  const working = work().catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * withinMs));
  await daemon.down('SIGKILL');
  await working;
  await daemon.up();
  // The kernel takes a moment to forget namespaces.
  let [said, seen]: object[] = [];
  await poll('the kernel to agree', async () => {
    [said, seen] = [await told(box), await found(box, pid)];
    return JSON.stringify(said) === JSON.stringify(seen);
  }).catch(() => undefined);
  expect(seen).toEqual(said);
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('kill -9 of the daemon', () => {
  let box: Box;
  let pid: number;
  beforeAll(async () => {
    for (const Name of ['other', 'third']) expect((await post('/networks/create', { Name })).status).toBe(201);
    const HostConfig = { NetworkMode: 'bridge', PortBindings: { '80/tcp': [{ HostPort: '8080' }] } };
    box = await Box.run(suite.daemon, ['sleep', '1000'], { HostConfig });
    pid = (await box.state()).Pid;
  });

  const isOn = async (network: string): Promise<boolean> =>
    network in ((await box.inspect()).NetworkSettings.Networks as object);
  const connect = (network: string): Promise<ApiReply> => post(`/networks/${network}/connect`, { Container: box.id });
  const disconnect = (network: string): Promise<ApiReply> =>
    post(`/networks/${network}/disconnect`, { Container: box.id });
  const exists = async (network: string): Promise<boolean> =>
    (await suite.daemon.api.get(`/networks/${network}`)).status === 200;

  it('while a container is connected and a network made, leaves the kernel as the store says', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      if (await isOn('other')) expect((await disconnect('other')).status).toBe(200);
      if (await exists('new')) expect((await suite.daemon.api.delete('/networks/new')).status).toBe(204);
      const work = [() => connect('other'), () => post('/networks/create', { Name: 'new' })];
      if (round % 2 === 0) work.reverse();
      await killDuring(box, pid, () => Promise.all(work.map((start) => start())), 15);
    }
  }, 900_000);

  it('while a container is disconnected and a network removed, leaves the kernel as the store says', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      // Every other time it is the network that the ports and the default route belong to.
      const leaving = round % 2 === 0 ? 'third' : 'bridge';
      for (const name of ['third', 'bridge']) if (!(await isOn(name))) expect((await connect(name)).status).toBe(200);
      if (!(await exists('new'))) expect((await post('/networks/create', { Name: 'new' })).status).toBe(201);
      const work = [() => disconnect(leaving), () => suite.daemon.api.delete('/networks/new')];
      await killDuring(box, pid, () => Promise.all(work.map((start) => start())), 60);
    }
  }, 900_000);
});
