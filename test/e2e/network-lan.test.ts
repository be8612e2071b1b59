import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const isOurs = !process.env['WHARF_TEST_TARGET'];
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const create = (body: object) => suite.daemon.api.post('/v1.51/networks/create', body);
const told = ({ status, json }: { status: number; json?: unknown }): string =>
  `${status} ${(json as { message?: string } | undefined)?.message?.replaceAll(/[0-9a-f]{64}/g, 'ID') ?? ''}`.trim();
const inspect = async (path: string) => (await suite.daemon.api.get(`/v1.51${path}`)).json;
const pools = (...Config: object[]) => ({ IPAM: { Config } });
/** In the daemon's own network, with the host's programs: whoever plays dockerd's host has no other door in. */
const onHost = (script: string) => {
  const flags = ['--rm', '--privileged', '--network', 'host', '--pid', 'host', '-v', '/:/host:ro'];
  return ok('run', ...flags, 'busybox', 'chroot', '/host', '/bin/sh', '-ec', script);
};
const run = (name: string, ...flags: string[]) => ok('run', '-d', '--name', name, ...flags, 'busybox', 'sleep', '600');
const exec = (name: string, ...command: string[]) => docker('exec', name, ...command);
const inside = (name: string, ...command: string[]) => ok('exec', name, ...command);
const reaches = async (name: string, address: string) => (await exec(name, 'ping', '-c1', '-W2', address)).code === 0;
const untilReached = (name: string, address: string) =>
  poll(`${name} to reach ${address}`, () => reaches(name, address), { everyMs: 200, timeoutMs: 30_000 });
const endpointOf = async (name: string, network: string) =>
  (await inspect(`/containers/${name}/json`)).NetworkSettings.Networks[network];
const removeNetworks = (...names: string[]) => ok('network', 'rm', ...names);

function kernelMakes(...link: string[]): boolean {
  try {
    execFileSync(
      'unshare',
      ['-n', 'sh', '-c', `ip link set lo up; ip link add v0 type veth peer name v1 && ${link.join(' ')}`],
      {
        stdio: 'ignore',
      },
    );
    return true;
  } catch {
    return false;
  }
}
const HAS_DUMMY = kernelMakes('ip link add d0 type dummy');
const HAS_VLAN = kernelMakes('ip link add link v0 name v0.5 type vlan id 5');
const HAS_IPVLAN = kernelMakes('ip link add link v0 name i0 type ipvlan');

/** Another machine on a wire of the host: wire0 is the host's end, and a container without network plays the machine. */
beforeAll(async () => {
  await run('peer', '--privileged', '--network', 'none');
  const pid = await ok('inspect', '-f', '{{.State.Pid}}', 'peer');
  await onHost(
    `ip link add wire0 type veth peer name eth0 netns ${pid}; ip link set wire0 up; ip addr add 192.0.2.1/24 dev wire0`,
  );
  await inside(
    'peer',
    'sh',
    '-c',
    'ip addr add 10.50.0.254/24 dev eth0; ip addr add 192.0.2.2/24 dev eth0; ip link set eth0 up; echo 0 > /proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip -6 addr add fd50::fe/64 dev eth0',
  );
});
afterAll(async () => {
  await ok('rm', '-f', 'peer');
});

const LAN = ['--subnet', '10.50.0.0/24', '--gateway', '10.50.0.254'];
const createMacvlan = (name: string, ...flags: string[]) =>
  docker('network', 'create', '-d', 'macvlan', '-o', 'parent=wire0', ...flags, name);
const macvlan = async (name: string, ...flags: string[]) => {
  const { code, stderr } = await createMacvlan(name, ...flags);
  if (code !== 0) throw new Error(stderr);
};
/** Why there can't be such a network. */
const whyNoMacvlan = async (name: string, ...flags: string[]) => (await createMacvlan(name, ...flags)).stderr;

/** The words are those of dockerd 28.5; run with WHARF_TEST_TARGET to ask a dockerd itself. */
describe('networks on the host’s wire', () => {
  it.each<[string, object, string]>([
    [
      'an unknown mode',
      { macvlan_mode: 'x' },
      "requested macvlan mode 'x' is not valid, 'bridge' mode is the macvlan driver default",
    ],
    ['the loopback', { parent: 'lo' }, 'loopback interface is not a valid macvlan parent link'],
    [
      'a parent that is not there',
      { parent: 'nope' },
      'invalid subinterface vlan name nope, example formatting is eth0.10',
    ],
    [
      'a name that is too long',
      { parent: 'wire0andmuchmore' },
      'invalid subinterface vlan name wire0andmuchmore, example formatting is eth0.10',
    ],
    ['a VLAN of nothing', { parent: 'nope.50' }, '-o parent interface was not found on the host: nope'],
    ['VLAN 0', { parent: 'wire0.0' }, 'vlan id must be between 1-4094, received: 0'],
    ['VLAN 4095', { parent: 'wire0.4095' }, 'vlan id must be between 1-4094, received: 4095'],
    [
      'a VLAN that is no number',
      { parent: 'wire0.x' },
      'unable to parse a valid vlan id from: x (ex. eth0.10 for vlan 10)',
    ],
    [
      'a VLAN in a VLAN',
      { parent: 'wire0.5.6' },
      'required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received wire0.5.6',
    ],
  ])('refuse %s', async (_, Options, words) => {
    expect(told(await create({ Name: 'refused', Driver: 'macvlan', Options }))).toBe(`500 ${words}`);
    expect((await suite.daemon.api.get('/v1.51/networks/refused')).status).toBe(404);
  });

  it.each<[string, object, string]>([
    [
      'an unknown mode',
      { ipvlan_mode: 'x' },
      "requested ipvlan mode 'x' is not valid, 'l2' mode is the ipvlan driver default",
    ],
    [
      'an unknown flag',
      { ipvlan_flag: 'x' },
      "requested ipvlan flag 'x' is not valid, 'bridge' is the ipvlan driver default",
    ],
    ['the loopback', { parent: 'lo' }, 'loopback interface is not a valid ipvlan parent link'],
  ])('refuse %s with ipvlan', async (_, Options, words) => {
    expect(told(await create({ Name: 'refused', Driver: 'ipvlan', Options }))).toBe(`500 ${words}`);
  });

  it('are shown as they were asked for', async () => {
    const shown = async (body: object) => {
      expect(told(await create({ Name: 'shown', ...body }))).toBe('201');
      const { Driver, Options, IPAM, Internal } = await inspect('/networks/shown');
      await removeNetworks('shown');
      return { Driver, Options, Config: IPAM.Config, Internal };
    };
    const parent = { parent: 'wire0' };
    const automatic = { Subnet: expect.stringMatching(/^172\./), Gateway: expect.stringMatching(/^172\./) };
    expect(await shown({ Driver: 'macvlan', Options: parent })).toEqual({
      Driver: 'macvlan',
      Options: parent,
      Config: [automatic],
      Internal: false,
    });
    expect((await shown({ Driver: 'macvlan', Options: parent, Internal: true })).Config).toEqual([
      { Subnet: expect.any(String) },
    ]);
    expect((await shown({ Driver: 'ipvlan', Options: { ...parent, ipvlan_mode: 'l3' } })).Config).toEqual([
      { Subnet: expect.any(String) },
    ]);
    expect((await shown({ Driver: 'ipvlan', Options: parent })).Config).toEqual([automatic]);
    const asked = {
      Subnet: '10.50.0.0/24',
      IPRange: '10.50.0.128/25',
      Gateway: '10.50.0.254',
      AuxiliaryAddresses: { a: '10.50.0.130' },
    };
    expect(
      (await shown({ Driver: 'macvlan', Options: parent, ...pools(asked, { Subnet: '10.51.0.0/24' }) })).Config,
    ).toEqual([asked, { Subnet: '10.51.0.0/24' }]);
  });

  it('put containers beside the peer, with names for each other', async () => {
    await macvlan('lan', ...LAN, '--ipv6', '--subnet', 'fd50::/64');
    await run('one', '--network', 'lan', '-p', '8080:80', '--expose', '90');
    await run(
      'two',
      '--network',
      'lan',
      '--ip',
      '10.50.0.77',
      '--mac-address',
      '02:42:aa:bb:cc:dd',
      '--network-alias',
      'second',
    );
    for (const address of ['10.50.0.254', 'fd50::fe', 'second', '10.50.0.77']) await untilReached('one', address);
    await untilReached('peer', '10.50.0.77');
    expect(await inside('one', 'nslookup', 'two')).toContain('10.50.0.77');
    // The host is no neighbour of what lies on its own wire.
    expect(await reaches('one', '192.0.2.1')).toBe(false);
    expect(await inside('one', 'ip', 'route')).toContain('default via 10.50.0.254 dev eth0');
    expect(await inside('one', 'ip', '-6', 'route')).toContain('default via fd50::1 dev eth0');
    expect(await inside('two', 'ip', 'addr', 'show', 'eth0')).toContain('02:42:aa:bb:cc:dd');
    expect(await inside('one', 'cat', '/etc/resolv.conf')).toContain('nameserver 127.0.0.11');

    const { NetworkSettings } = await inspect('/containers/one/json');
    expect(NetworkSettings.Ports).toEqual({});
    expect(NetworkSettings.Networks.lan).toMatchObject({
      Gateway: '10.50.0.254',
      IPAddress: '10.50.0.1',
      IPPrefixLen: 24,
      IPv6Gateway: 'fd50::1',
      GlobalIPv6Address: 'fd50::2',
      MacAddress: expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
      DNSNames: ['one', expect.stringMatching(/^[0-9a-f]{12}$/)],
    });
    expect(Object.values((await inspect('/networks/lan')).Containers)).toContainEqual({
      Name: 'two',
      EndpointID: expect.stringMatching(/^[0-9a-f]{64}$/),
      MacAddress: '02:42:aa:bb:cc:dd',
      IPv4Address: '10.50.0.77/24',
      IPv6Address: 'fd50::3/64',
    });
    expect((await docker('network', 'rm', 'lan')).stderr).toContain('network lan has active endpoints (name:"');

    // A restart must not find its own former address on the wire.
    await ok('restart', '-t', '0', 'two');
    await untilReached('peer', '10.50.0.77');
    const double = await docker(
      'run',
      '-d',
      '--name',
      'double',
      '--network',
      'lan',
      '--mac-address',
      '02:42:aa:bb:cc:dd',
      'busybox',
      'sleep',
      '600',
    );
    expect(double.stderr).toMatch(
      /failed to add interface \S+ to sandbox: error setting interface "\S+" MAC to "02:42:aa:bb:cc:dd": address already in use/,
    );
    await ok('rm', '-f', 'one', 'two', 'double');
    await removeNetworks('lan');
  });

  it('share a subnet by ranges, and give no address twice', async () => {
    await macvlan('whole', '--subnet', '10.50.0.0/24');
    expect(await whyNoMacvlan('again', '--subnet', '10.50.0.0/24')).toContain(
      'invalid pool request: Pool overlaps with other one on this address space',
    );
    await macvlan('ranged', '--subnet', '10.50.0.0/24', '--ip-range', '10.50.0.0/28');
    await run('w1', '--network', 'whole');
    await run('r1', '--network', 'ranged');
    const given = [await endpointOf('w1', 'whole'), await endpointOf('r1', 'ranged')];
    const all = given.flatMap(({ Gateway, IPAddress }) => [Gateway, IPAddress]);
    expect(new Set(all)).toEqual(new Set(['10.50.0.1', '10.50.0.2', '10.50.0.3', '10.50.0.4']));
    expect((await inspect('/networks/ranged')).IPAM.Config).toEqual([
      { Subnet: '10.50.0.0/24', IPRange: '10.50.0.0/28' },
    ]);
    const taken = await docker('run', '--rm', '--network', 'ranged', '--ip', given[0].IPAddress, 'busybox', 'true');
    expect(taken.stderr).toContain('Address already in use');
    const elsewhere = await docker('run', '--rm', '--network', 'ranged', '--ip', '10.60.0.1', 'busybox', 'true');
    expect(elsewhere.stderr).toContain('no configured subnet or ip-range contain the IP address 10.60.0.1');
    await ok('rm', '-f', 'w1', 'r1');
    await removeNetworks('whole', 'ranged');
  });

  it('keep containers apart or alone, as their mode says', async () => {
    await macvlan('apart', ...LAN, '-o', 'macvlan_mode=private');
    expect(await whyNoMacvlan('alone', '-o', 'macvlan_mode=passthru')).toMatch(
      /cannot use mode passthru, macvlan network [0-9a-f]{64} is already using parent interface wire0/,
    );
    await run('p1', '--network', 'apart');
    await run('p2', '--network', 'apart', '--ip', '10.50.0.20');
    await untilReached('p1', '10.50.0.254');
    expect(await reaches('p1', '10.50.0.20')).toBe(false);
    await ok('rm', '-f', 'p1', 'p2');
    await removeNetworks('apart');

    await macvlan('alone', ...LAN, '-o', 'macvlan_mode=passthru');
    const beside = await docker('network', 'create', '-d', 'macvlan', '-o', 'parent=wire0', 'beside');
    expect(beside.stderr).toMatch(
      /macvlan network [0-9a-f]{64} is already using parent interface wire0 in mode passthru/,
    );
    await run('p1', '--network', 'alone');
    await untilReached('p1', '10.50.0.254');
    const second = await docker('run', '-d', '--name', 'p2', '--network', 'alone', 'busybox', 'sleep', '600');
    expect(second.stderr).toContain(
      'failed to set up container networking: failed to create the macvlan port: invalid argument',
    );
    await ok('restart', '-t', '0', 'p1');
    await untilReached('p1', '10.50.0.254');
    await ok('rm', '-f', 'p1', 'p2');
    await removeNetworks('alone');
  });

  it('are joined and left beside bridges', async () => {
    await macvlan('lan', ...LAN);
    await ok('network', 'create', 'abridge');
    await ok('network', 'create', '--ipv6', 'zdual');
    await run('live', '--network', 'abridge', '-p', '127.0.0.1::80');
    const route = async (family = '-4') =>
      (await inside('live', 'ip', family, 'route')).match(/^default.*$/m)?.[0]?.trim();
    const gateway = async (network: string, field = 'Gateway') => (await endpointOf('live', network))[field];
    expect(await route()).toBe(`default via ${await gateway('abridge')} dev eth0`);
    await ok('network', 'connect', '--ip', '10.50.0.30', '--alias', 'also', 'lan', 'live');
    await untilReached('peer', '10.50.0.30');
    expect(await route()).toBe(`default via ${await gateway('abridge')} dev eth0`);
    await run('other', '--network', 'lan');
    await untilReached('other', 'also');
    // One with a way out for both families comes first, whatever its name.
    await ok('network', 'connect', 'zdual', 'live');
    expect(await route()).toBe(`default via ${await gateway('zdual')} dev eth2`);
    expect(await route('-6')).toContain(`default via ${await gateway('zdual', 'IPv6Gateway')} dev eth2`);
    await ok('network', 'disconnect', 'zdual', 'live');
    expect(await route('-6')).toBeUndefined();
    await ok('network', 'disconnect', 'abridge', 'live');
    expect(await route()).toBe('default via 10.50.0.254 dev eth1');
    expect((await inspect('/containers/live/json')).NetworkSettings.Ports).toEqual({});
    await ok('network', 'connect', 'zdual', 'live');
    await ok('network', 'connect', '--gw-priority', '9', 'abridge', 'live');
    await ok('network', 'disconnect', 'zdual', 'live');
    const published = expect.arrayContaining([{ HostIp: '127.0.0.1', HostPort: expect.stringMatching(/^\d+$/) }]);
    expect((await inspect('/containers/live/json')).NetworkSettings.Ports).toEqual({ '80/tcp': published });
    await ok('network', 'disconnect', 'lan', 'live');
    await ok('network', 'connect', '--gw-priority', '10', 'lan', 'live');
    expect((await inspect('/containers/live/json')).NetworkSettings.Ports).toEqual({ '80/tcp': null });
    await ok('network', 'disconnect', 'abridge', 'live');
    await ok('network', 'disconnect', 'lan', 'live');
    expect(await inside('live', 'ls', '/sys/class/net')).toBe('lo');
    await poll('the name to be gone', async () => (await exec('other', 'nslookup', 'also')).code !== 0, {
      everyMs: 200,
    });
    await ok('rm', '-f', 'live', 'other');

    const first = { EndpointsConfig: { abridge: {}, lan: { GwPriority: 5 } } };
    const made = await suite.daemon.api.post('/v1.51/containers/create?name=prior', {
      Image: 'busybox',
      Cmd: ['sleep', '600'],
      HostConfig: { NetworkMode: 'abridge' },
      NetworkingConfig: first,
    });
    expect(made.status).toBe(201);
    await ok('start', 'prior');
    expect(await inside('prior', 'ip', 'route')).toContain('default via 10.50.0.254 ');
    await ok('rm', '-f', 'prior');
    await removeNetworks('lan', 'abridge', 'zdual');
  });

  it('stay among themselves when they are internal', async () => {
    await macvlan('inner', '--subnet', '10.54.0.0/24', '--internal');
    await run('in1', '--network', 'inner');
    await run('in2', '--network', 'inner');
    await untilReached('in1', 'in2');
    expect(await inside('in1', 'ip', 'route')).not.toContain('default');
    expect((await endpointOf('in1', 'inner')).Gateway).toBe('');
    expect((await exec('in1', 'nslookup', 'example.com')).stdout).toContain('SERVFAIL');
    await ok('rm', '-f', 'in1', 'in2');
    await removeNetworks('inner');
  });

  it('give interfaces the name and the settings asked for', async () => {
    await macvlan('lan', ...LAN);
    const options = [
      'driver-opt=com.docker.network.endpoint.ifname=wan0',
      'driver-opt=com.docker.network.endpoint.sysctls=net.ipv4.conf.IFNAME.log_martians=1',
    ].join(',');
    const network = `name=lan,${options}`;
    expect(
      await ok('run', '--rm', '--network', network, 'busybox', 'cat', '/proc/sys/net/ipv4/conf/wan0/log_martians'),
    ).toBe('1');
    await removeNetworks('lan');
  });

  it('say it when the parent is gone', async () => {
    await onHost('ip link add gone0 type veth peer name gone1');
    await ok('network', 'create', '-d', 'macvlan', '-o', 'parent=gone0', 'ongone');
    await onHost('ip link del gone0');
    const result = await docker('run', '--rm', '--network', 'ongone', 'busybox', 'true');
    expect(result.stderr).toContain(
      'failed to set up container networking: the requested parent interface gone0 was not found on the Docker host',
    );
    await removeNetworks('ongone');
  });
});

describe('networks on links that the daemon makes', () => {
  it.skipIf(HAS_DUMMY)('can’t be had without dummies in the kernel', async () => {
    for (const Driver of ['macvlan', 'ipvlan']) {
      expect(told(await create({ Name: 'dummy', Driver, Internal: true }))).toMatch(/^500 .*operation not supported$/);
    }
    expect((await suite.daemon.api.get('/v1.51/networks/dummy')).status).toBe(404);
  });

  it.runIf(HAS_DUMMY)('lie on a dummy of their own', async () => {
    const id = await ok('network', 'create', '-d', 'macvlan', 'dummy');
    const name = `dm-${id.slice(0, 12)}`;
    await run('d1', '--network', 'dummy');
    await run('d2', '--network', 'dummy');
    await untilReached('d1', 'd2');
    expect(await onHost(`ip link show ${name}`)).toContain('UP');
    await ok('rm', '-f', 'd1', 'd2');
    await removeNetworks('dummy');
    expect(await onHost('ip link')).not.toContain(name);
  });

  it.skipIf(HAS_VLAN)('can’t be had without VLANs in the kernel', async () => {
    const made = await create({ Name: 'vlan', Driver: 'macvlan', Options: { parent: 'wire0.50' } });
    expect(told(made)).toBe('500 failed to create wire0.50 vlan link: operation not supported');
    expect((await suite.daemon.api.get('/v1.51/networks/vlan')).status).toBe(404);
  });

  it.runIf(HAS_VLAN)('lie on a VLAN that goes with the last of them, unless somebody else made it', async () => {
    const vlan = (name: string, id: number, ...flags: string[]) =>
      ok('network', 'create', '-d', 'macvlan', '-o', `parent=wire0.${id}`, ...flags, name);
    await inside(
      'peer',
      'sh',
      '-c',
      'ip link add link eth0 name eth0.50 type vlan id 50; ip addr add 10.55.0.254/24 dev eth0.50; ip link set eth0.50 up',
    );
    await vlan('tagged', 50, '--subnet', '10.55.0.0/24', '--gateway', '10.55.0.254');
    await vlan('tagged2', 50, '--subnet', '10.56.0.0/24');
    await run('v1', '--network', 'tagged');
    await untilReached('v1', '10.55.0.254');
    await ok('rm', '-f', 'v1');
    await removeNetworks('tagged');
    expect(await onHost('ip -d link show wire0.50')).toContain('id 50');
    await removeNetworks('tagged2');
    expect(await onHost('ip link')).not.toContain('wire0.50');
    await onHost('ip link add link wire0 name wire0.51 type vlan id 51');
    await vlan('theirs', 51);
    await removeNetworks('theirs');
    expect(await onHost('ip link')).toContain('wire0.51');
    await onHost('ip link del wire0.51');
  });
});

describe('ipvlan networks', () => {
  it.skipIf(HAS_IPVLAN)('are made, but give no container a link, without ipvlan in the kernel', async () => {
    await ok('network', 'create', '-d', 'ipvlan', '-o', 'parent=wire0', 'ip2');
    const result = await docker('run', '--name', 'never', '--network', 'ip2', 'busybox', 'true');
    expect(result.stderr).toContain(
      'failed to set up container networking: failed to create the ipvlan port: operation not supported',
    );
    await ok('rm', 'never');
    await removeNetworks('ip2');
  });

  it.runIf(HAS_IPVLAN)('share the parent’s hardware address in layer 2', async () => {
    await ok('network', 'create', '-d', 'ipvlan', '-o', 'parent=wire0', ...LAN, 'ip2');
    await run('i1', '--network', 'ip2');
    await run('i2', '--network', 'ip2');
    await untilReached('i1', '10.50.0.254');
    await untilReached('i1', 'i2');
    expect(await inside('i1', 'cat', '/sys/class/net/eth0/address')).toBe(
      await inside('i2', 'cat', '/sys/class/net/eth0/address'),
    );
    const custom = await docker(
      'run',
      '--rm',
      '--network',
      'ip2',
      '--mac-address',
      '02:42:aa:bb:cc:dd',
      'busybox',
      'true',
    );
    expect(custom.stderr).toContain('ipvlan interfaces do not support custom mac address assignment');
    await ok('rm', '-f', 'i1', 'i2');
    await removeNetworks('ip2');
  });

  it.runIf(HAS_IPVLAN).each(['l3', 'l3s'])('send everything to the device in mode %s', async (mode) => {
    await ok(
      'network',
      'create',
      '-d',
      'ipvlan',
      '-o',
      'parent=wire0',
      '-o',
      `ipvlan_mode=${mode}`,
      '--subnet',
      '10.53.0.0/24',
      'ip3',
    );
    await inside('peer', 'sh', '-c', 'ip route replace 10.53.0.0/24 dev eth0');
    await run('i1', '--network', 'ip3');
    await run('i2', '--network', 'ip3');
    expect(await inside('i1', 'ip', 'route')).toMatch(/^default dev eth0/m);
    expect((await endpointOf('i1', 'ip3')).Gateway).toBe('');
    await untilReached('i1', 'i2');
    await ok('rm', '-f', 'i1', 'i2');
    await removeNetworks('ip3');
  });
});

describe.runIf(isOurs)('a daemon that is killed', () => {
  it('finds its containers on the wire, and takes away what nobody claims', async () => {
    const { daemon } = suite;
    await macvlan('lan', ...LAN);
    await run('kept', '--network', 'lan', '--ip', '10.50.0.40');
    await run('ended', '--network', 'lan', '--ip', '10.50.0.41', '--mac-address', '02:42:0a:32:00:29');
    const pid = await ok('inspect', '-f', '{{.State.Pid}}', 'ended');
    const kept = await ok('inspect', '-f', '{{.State.Pid}}', 'kept');
    await daemon.down('SIGKILL');
    process.kill(Number(pid), 'SIGKILL');
    // What a connect leaves that dies between making its link and recording it: a link with our mark.
    const left = await daemon.holder.run([
      'sh',
      '-c',
      `ip link add link wire0 name mine netns ${kept} group 2003329394 type macvlan && ip link add link wire0 name theirs netns ${kept} type macvlan`,
    ]);
    expect(left.stderr).toBe('');
    await daemon.up();
    expect(await inside('kept', 'ls', '/sys/class/net')).toBe('eth0\nlo\ntheirs');
    await untilReached('peer', '10.50.0.40');
    await run('heir', '--network', 'lan', '--ip', '10.50.0.41', '--mac-address', '02:42:0a:32:00:29');
    await untilReached('kept', 'heir');
    expect(await inside('kept', 'ip', 'route')).toContain('default via 10.50.0.254');
    await ok('rm', '-f', 'kept', 'ended', 'heir');
    await removeNetworks('lan');
  });
});
