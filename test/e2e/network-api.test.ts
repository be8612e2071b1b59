import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';

const suite = daemonSuite();
const api = (version: string, path: string): string => `/v${version}${path}`;
const create = (body: object, version = '1.51') => suite.daemon.api.post(api(version, '/networks/create'), body);
const told = ({ status, json }: { status: number; json?: unknown }): string =>
  `${status} ${(json as { message?: string } | undefined)?.message?.replaceAll(/[0-9a-f]{64}/g, 'ID') ?? ''}`.trim();
const network = async (name: string, version = '1.51') =>
  (await suite.daemon.api.get(api(version, `/networks/${name}`))).json as Record<string, never>;
const remove = (name: string) => suite.daemon.api.delete(api('1.51', `/networks/${name}`));
const O = 'com.docker.network.bridge.';
const pools = (...Config: object[]) => ({ IPAM: { Config } });
const isOurs = !process.env['WHARF_TEST_TARGET'];

/** The words are those of dockerd 28.5; run with WHARF_TEST_TARGET to ask a dockerd itself. */
describe('the networks of the API', () => {
  it.each<[string, object, string]>([
    ['no name', { Name: ' ' }, '400 invalid name: name is empty'],
    ['a predefined name', { Name: 'host' }, '403 operation is not permitted on predefined host network '],
    ['the name default', { Name: 'default' }, '403 operation is not permitted on predefined default network '],
    ['an unknown driver', { Driver: 'nope' }, '404 plugin "nope" not found'],
    ['the null driver', { Driver: 'null' }, '403 only one instance of "null" network is allowed'],
    ['an unknown address driver', { IPAM: { Driver: 'nope' } }, '404 plugin "nope" not found'],
    ['a swarm’s scope', { Scope: 'swarm' }, '403 cannot create a swarm scoped network when swarm is not active'],
    ['an ingress', { Ingress: true }, '403 Ingress network can only be global scope network'],
    ['no family', { EnableIPv4: false }, '400 IPv4 or IPv6 must be enabled'],
    [
      'a subnet that is none',
      pools({ Subnet: 'x' }),
      '400 invalid network config:\ninvalid subnet x: invalid CIDR block notation',
    ],
    [
      'much at once',
      pools({ Subnet: '10.0.0.5/24', IPRange: '10.0.0.9/25', Gateway: 'x', AuxiliaryAddresses: { a: 'fd00::1' } }),
      '400 invalid network config:\n* invalid subnet 10.0.0.5/24: it should be 10.0.0.0/24\n* invalid ip-range 10.0.0.9/25: it should be 10.0.0.0/25\n* invalid gateway x: invalid address\n* invalid auxiliary address a: parent subnet is an IPv4 block',
    ],
    [
      'a gateway from elsewhere',
      pools({ Subnet: '10.0.0.0/24', Gateway: '10.1.0.1' }),
      "400 invalid network config:\ninvalid gateway 10.1.0.1: parent subnet 10.0.0.0/24 doesn't contain this address",
    ],
    [
      'the broadcast address as gateway',
      pools({ Subnet: '10.0.1.0/24', Gateway: '10.0.1.255' }),
      '500 failed to allocate gateway (10.0.1.255): Address already in use',
    ],
    [
      'an address for two',
      pools({ Subnet: '10.0.2.0/24', Gateway: '10.0.2.1', AuxiliaryAddresses: { a: '10.0.2.1' } }),
      '500 failed to allocate secondary ip address (a:10.0.2.1): Address already in use',
    ],
    [
      'the gateway that nobody named for another',
      pools({ Subnet: '10.0.3.0/24', AuxiliaryAddresses: { a: '10.0.3.1' } }),
      '500 failed to allocate secondary ip address (a:10.0.3.1): Address already in use',
    ],
    [
      'a range that is bigger than its subnet',
      pools({ Subnet: '10.0.4.0/24', IPRange: '10.0.0.0/16' }),
      '400 invalid network config:\ninvalid ip-range 10.0.0.0/16: CIDR block is bigger than its parent subnet 10.0.4.0/24',
    ],
    [
      'a gateway of the other family',
      pools({ Subnet: '10.71.0.0/24', Gateway: 'fd00::1' }),
      '400 invalid network config:\ninvalid gateway fd00::1: parent subnet is an IPv4 block',
    ],
    [
      'a gateway without a subnet',
      pools({ Gateway: '10.0.0.1' }),
      '400 invalid network config:\ninvalid subnet : invalid CIDR block notation',
    ],
    [
      'a bridge name that is too long',
      { Options: { [`${O}name`]: 'waytoolongname123' } },
      '500 numerical result out of range',
    ],
    ['a bridge name that is none', { Options: { [`${O}name`]: 'a/b' } }, '500 invalid argument'],
    [
      'an interface that is no bridge',
      { Options: { [`${O}name`]: 'lo' } },
      '500 existing interface lo is not a bridge',
    ],
    [
      'two subnets',
      pools({ Subnet: '10.66.0.0/24' }, { Subnet: '10.67.0.0/24' }),
      "403 bridge driver doesn't support multiple subnets",
    ],
    [
      'a subnet that overlaps',
      pools({ Subnet: '172.17.128.0/24' }),
      '403 invalid pool request: Pool overlaps with other one on this address space',
    ],
    ...(
      [
        [`${O}enable_icc`, 'strconv.ParseBool: parsing "x": invalid syntax'],
        [`${O}enable_ip_masquerade`, 'strconv.ParseBool: parsing "x": invalid syntax'],
        [`${O}inhibit_ipv4`, 'strconv.ParseBool: parsing "x": invalid syntax'],
        [`${O}host_binding_ipv4`, 'nil ip'],
        [`${O}gateway_mode_ipv4`, 'unknown gateway mode x'],
        [`${O}gateway_mode_ipv6`, 'unknown gateway mode x'],
        ['com.docker.network.driver.mtu', 'strconv.Atoi: parsing "x": invalid syntax'],
        ['com.docker.network.host_ipv4', 'nil ip'],
      ] as const
    ).map(([key, why]): [string, object, string] => [
      `the value x of ${key}`,
      { Options: { [key]: 'x' } },
      `400 failed to parse ${key} value: x (${why})`,
    ]),
    ['a negative mtu', { Options: { 'com.docker.network.driver.mtu': '-1' } }, '400 invalid MTU number: -1'],
    [
      'isolation that is not internal',
      { Options: { [`${O}gateway_mode_ipv4`]: 'isolated' } },
      "500 gateway mode 'isolated' can only be used for an internal network",
    ],
    [
      'the bridge of another',
      { Options: { [`${O}name`]: 'docker0' } },
      '403 cannot create network ID (docker0): conflicts with network ID (docker0): networks have same bridge name',
    ],
    [
      'a configuration of a configuration',
      { ConfigOnly: true, ConfigFrom: { Network: 'x' } },
      '403 a configuration network cannot depend on another configuration network',
    ],
    [
      'a configuration that is internal',
      { ConfigOnly: true, Internal: true },
      '403 configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    ],
    ['an unknown configuration', { ConfigFrom: { Network: 'x' } }, '404 configuration network "x" does not exist'],
  ])('refuse %s', async (_, body, words) => {
    expect(told(await create({ Name: 'refused', ...body }))).toBe(words.trim());
    expect(told(await suite.daemon.api.get(api('1.51', '/networks/refused')))).toBe('404 network refused not found');
  });

  it('are made from configurations', async () => {
    const mtu = { 'com.docker.network.driver.mtu': '1400' };
    expect(
      told(
        await create({
          Name: 'plan',
          ConfigOnly: true,
          ...pools({ Subnet: '10.8.0.0/24' }),
          Options: mtu,
          Labels: { a: 'b' },
        }),
      ),
    ).toBe('201');
    expect(await network('plan')).toMatchObject({
      Driver: 'null',
      ConfigOnly: true,
      IPAM: { Config: [{ Subnet: '10.8.0.0/24' }] },
    });
    expect(
      told(await create({ Name: 'built', ConfigFrom: { Network: 'plan' }, ...pools({ Subnet: '10.9.0.0/24' }) })),
    ).toBe('403 user specified configurations are not supported if the network depends on a configuration network');
    expect(told(await create({ Name: 'built', ConfigFrom: { Network: 'plan' }, Options: mtu }))).toBe(
      '403 network driver options are not supported if the network depends on a configuration network',
    );
    expect(told(await create({ Name: 'built', ConfigFrom: { Network: 'plan' } }))).toBe('201');
    expect(await network('built')).toMatchObject({
      Driver: 'bridge',
      ConfigOnly: false,
      ConfigFrom: { Network: 'plan' },
      Options: mtu,
      Labels: { a: 'b' },
      IPAM: { Config: [{ Subnet: '10.8.0.0/24' }] },
    });
    expect(told(await remove('plan'))).toBe('403 error while removing network: configuration network "plan" is in use');
    expect((await suite.daemon.docker(['run', '--rm', '--network', 'plan', 'busybox', 'true'])).stderr).toContain(
      'cannot create endpoint on configuration-only network',
    );
    expect([told(await remove('built')), told(await remove('plan'))]).toEqual(['204', '204']);
  });

  it('are filtered and looked up in dockerd’s words', async () => {
    const list = async (filters: object) =>
      told(await suite.daemon.api.get(api('1.51', `/networks?filters=${encodeURIComponent(JSON.stringify(filters))}`)));
    expect(await list({ dangling: ['x'] })).toBe(
      '400 invalid value for filter \'dangling\', must be "true" (or "1"), or "false" (or "0")',
    );
    expect(await list({ dangling: ['true', 'false'] })).toBe('400 got more than one value for filter key "dangling"');
    expect(await list({ type: ['x'] })).toBe("500 invalid filter: 'type'='x'");
    expect(await list({ x: ['x'] })).toBe("400 invalid filter 'x'");
    expect(told(await suite.daemon.api.get(api('1.51', '/networks/bridge?scope=swarm')))).toBe(
      '404 network bridge not found',
    );
    expect(told(await suite.daemon.api.get(api('1.51', '/networks/bridge?scope=local')))).toBe('200');
  });

  it('are pruned as the filters say, or not at all', async () => {
    const prune = async (filters: string) => {
      const reply = await suite.daemon.api.post(
        api('1.51', `/networks/prune${filters === '' ? '' : `?filters=${encodeURIComponent(filters)}`}`),
      );
      return reply.status === 200 ? (reply.json.NetworksDeleted as unknown) : told(reply);
    };
    const refused = {
      xx: '400 invalid filter',
      '{"x":["1"]}': "400 invalid filter 'x'",
      '{"dangling":["true"]}': "400 invalid filter 'dangling'",
      '{"until":["x"]}': '400 failed to parse value as time or duration: "x"',
      '{"until":["1h","2h"]}': '400 more than one until filter specified',
    };
    for (const [filters, words] of Object.entries(refused)) expect(await prune(filters)).toBe(words);
    await suite.daemon.ok('run', '-d', '--name', 'holder', 'busybox', 'sleep', '600');
    for (const [Name, Labels] of Object.entries({ p1: {}, p2: { a: 'b' }, p3: { a: 'c', z: '' }, p4: {} })) {
      expect(told(await create({ Name, Labels }))).toBe('201');
    }
    await suite.daemon.ok('network', 'connect', 'p4', 'holder');
    expect(await prune('{"until":["24h"]}')).toBeNull();
    expect(await prune('{"label":["nope"]}')).toBeNull();
    expect(await prune('{"label":["a=c","a=b"]}')).toBeNull();
    expect(await prune('{"label":["a=c","z"]}')).toEqual(['p3']);
    expect(await prune('{"label!":["a"],"label":["a"]}')).toBeNull();
    // Only what has all of them is kept.
    expect(await prune('{"label!":["a"]}')).toEqual(['p1']);
    expect(await prune('{"label!":["a","z"]}')).toEqual(['p2']);
    expect(await prune('')).toBeNull();
    await suite.daemon.ok('stop', '-t', '0', 'holder');
    // A container that does not run is nobody's.
    expect(await suite.daemon.ok('network', 'ls', '--filter', 'dangling=true', '--format', '{{.Name}}')).toBe('p4');
    expect(await prune('{"until":["0s"]}')).toEqual(['p4']);
    await suite.daemon.ok('rm', 'holder');
  });

  it('tell events of what becomes of them', async () => {
    const since = `${Date.now() / 1000}`;
    for (const body of [{ Name: 'plan', ConfigOnly: true }, { Name: 'told' }])
      expect(told(await create(body))).toBe('201');
    await suite.daemon.ok('create', '--name', 'heard', '--network', 'told', 'busybox', 'true');
    await suite.daemon.ok('start', '-a', 'heard');
    await suite.daemon.ok('rm', 'heard');
    const { Id } = await network('told');
    for (const name of ['told', 'plan']) expect(told(await remove(name))).toBe('204');
    await suite.daemon.api.post(api('1.51', '/networks/prune'));
    const path = `/events?since=${since}&until=${Date.now() / 1000 + 0.001}&filters=${encodeURIComponent('{"type":["network"]}')}`;
    const { text } = await suite.daemon.api.get(api('1.51', path));
    const events = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { Action: string; Actor: { ID: string; Attributes: Record<string, string> } });
    // Configurations come, and go without a word.
    expect(events.shift()).toMatchObject({ Action: 'create', Actor: { Attributes: { name: 'plan', type: 'null' } } });
    expect(events.map(({ Action }) => Action)).toEqual(['create', 'connect', 'disconnect', 'destroy', 'prune']);
    expect(events.map(({ Actor }) => Actor.ID)).toEqual([Id, Id, Id, Id, '']);
    const [made, joined] = events.map(({ Actor }) => Actor.Attributes);
    expect(made).toEqual({ name: 'told', type: 'bridge' });
    expect(joined).toEqual({ container: expect.stringMatching(/^[0-9a-f]{64}$/), name: 'told', type: 'bridge' });
    expect(events[4]?.Actor.Attributes).toEqual({ reclaimed: '0' });
  });

  it('have names as clients like them, once', async () => {
    for (const Name of ['a b', '-x', 'a/b']) {
      expect(told(await create({ Name }))).toBe('201');
      expect(told(await create({ Name }))).toBe(`409 network with name ${Name} already exists`);
    }
    expect(told(await create({ Name: 'a b', CheckDuplicate: true }, '1.43'))).toBe(
      '409 network with name a b already exists',
    );
    for (const Name of ['a b', '-x', 'a/b']) expect(told(await remove(encodeURIComponent(Name)))).toBe('204');
    expect(told(await remove('a b'.replace(' ', '%20')))).toBe('404 network a b not found');
    expect(told(await remove('host'))).toBe('403 host is a pre-defined network and cannot be removed');
  });

  it.skipIf(!isOurs)('tell how full they are from 1.52 on', async () => {
    await create({
      Name: 'full',
      EnableIPv6: true,
      ...pools({ Subnet: '10.7.0.0/24', IPRange: '10.7.0.128/25' }, { Subnet: 'fd00:7::/64' }),
    });
    await suite.daemon.ok('run', '-d', '--name', 'one', '--network', 'full', 'busybox', 'sleep', '600');
    expect('Status' in (await network('full'))).toBe(false);
    expect((await network('full', '1.52'))['Status']).toEqual({
      IPAM: {
        Subnets: {
          '10.7.0.0/24': { IPsInUse: 4, DynamicIPsAvailable: 125 },
          'fd00:7::/64': { IPsInUse: 3, DynamicIPsAvailable: Number((1n << 64n) - 3n) },
        },
      },
    });
    await suite.daemon.ok('rm', '-f', 'one');
    await remove('full');
  });
});

describe('a container and the networks of the API', () => {
  const connect = async (name: string, Container: string, EndpointConfig?: object) =>
    told(await suite.daemon.api.post(api('1.51', `/networks/${name}/connect`), { Container, EndpointConfig }));
  const disconnect = async (name: string, Container: string, Force = false) =>
    told(await suite.daemon.api.post(api('1.51', `/networks/${name}/disconnect`), { Container, Force }));
  const run = (name: string, ...flags: string[]) =>
    suite.daemon.ok('run', '-d', '--name', name, ...flags, 'busybox', 'sleep', '600');

  beforeAll(async () => {
    await create({ Name: 'set', ...pools({ Subnet: '10.30.0.0/24', IPRange: '10.30.0.128/25' }) });
    await create({ Name: 'auto' });
    await run('one');
    await run('shared', '--network', 'host');
    await run('alone', '--network', 'none');
  });
  afterAll(async () => {
    await suite.daemon.docker(['rm', '-f', 'one', 'two', 'shared', 'alone']);
    await remove('set');
    await remove('auto');
  });

  it('connect and disconnect or say why not', async () => {
    const sharing =
      '400 container sharing network namespace with another container or host cannot be connected to any other network';
    const isolated =
      '400 container cannot be connected to multiple networks with one of the networks in private (none) mode';
    expect(await connect('auto', 'one')).toBe('200');
    expect(await connect('auto', 'one')).toBe('403 endpoint with name one already exists in network auto');
    expect(await connect('nope', 'one')).toBe('404 network nope not found');
    expect(await connect('auto', 'nope')).toBe('404 No such container: nope');
    expect(await connect('auto', '')).toBe('400 invalid name or ID supplied: ""');
    expect(await connect('host', 'one')).toBe(
      '400 cannot connect container to host network - container must be created in host network mode',
    );
    expect(await connect('none', 'one')).toBe(isolated);
    expect(await connect('auto', 'alone')).toBe(isolated);
    expect(await connect('auto', 'shared')).toBe(sharing);
    expect(await connect('set', 'one', { IPAMConfig: { IPv4Address: '10.99.0.1' } })).toBe(
      '400 invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.99.0.1',
    );
    expect(await connect('set', 'one', { MacAddress: 'bogus' })).toBe('400 invalid MAC address bogus');
    expect(await connect('set', 'one', { IPAMConfig: { IPv4Address: '10.30.0.255' } })).toBe(
      '403 Address already in use',
    );
    expect(await connect('set', 'one', { IPAMConfig: { IPv4Address: '10.30.0.77' } })).toBe('200');
    expect(await disconnect('auto', 'one')).toBe('200');
    expect(await disconnect('auto', 'one')).toBe('500 container ID is not connected to network auto');
    expect(await disconnect('auto', 'nope')).toBe('404 No such container: nope');
    expect(await disconnect('auto', 'nope', true)).toBe('404 endpoint nope not found');
    expect(await disconnect('host', 'shared')).toBe(
      '400 cannot disconnect container from host network - container was created in host network mode',
    );
    expect(told(await remove('set'))).toMatch(
      /^403 error while removing network: network set has active endpoints \(name:"one" id:"[0-9a-f]{12}"\)$/,
    );
  });

  it('are configured while it is stopped', async () => {
    await suite.daemon.ok('create', '--name', 'two', 'busybox', 'sleep', '600');
    expect(await connect('auto', 'two', { Aliases: ['second'] })).toBe('200');
    expect(await connect('auto', 'two')).toBe('200');
    expect(await disconnect('bridge', 'two')).toBe('200');
    expect(await disconnect('bridge', 'two')).toBe('500 container ID is not connected to the network bridge');
    await suite.daemon.ok('start', 'two');
    const networks = JSON.parse(await suite.daemon.ok('inspect', '-f', '{{json .NetworkSettings.Networks}}', 'two'));
    expect(Object.keys(networks)).toEqual(['auto']);
    expect(networks.auto.Aliases).toEqual(['second']);
    await suite.daemon.ok('stop', '-t', '0', 'two');
    expect(await disconnect('auto', 'two')).toBe('200');
    await suite.daemon.ok('start', 'two');
    expect(await suite.daemon.ok('exec', 'two', 'ls', '/sys/class/net')).toBe('lo');
  });

  it.each<[string, object, string]>([
    [
      'an address on the default bridge',
      { bridge: { IPAMConfig: { IPv4Address: '172.17.0.9' } } },
      '400 invalid config for network bridge: invalid endpoint settings:\n* user specified IP address is supported on user defined networks only\n* user specified IP address is supported only when connecting to networks with user configured subnets',
    ],
    [
      'an alias on the default bridge',
      { bridge: { Aliases: ['x'] } },
      '400 invalid config for network bridge: invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks',
    ],
    [
      'an address that is none',
      { set: { IPAMConfig: { IPv4Address: 'x' } } },
      '400 invalid config for network set: invalid endpoint settings:\n* invalid IPv4 address: x\n* no configured subnet or ip-range contain the IP address x',
    ],
    [
      'a family that the network lacks',
      { set: { IPAMConfig: { IPv6Address: 'fd00::9' } } },
      '400 invalid config for network set: invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets',
    ],
    [
      'a link-local address that is none',
      { set: { IPAMConfig: { LinkLocalIPs: ['x'] } } },
      '400 invalid config for network set: invalid endpoint settings:\ninvalid link-local IP address: x',
    ],
    [
      'a hardware address that is none',
      { set: { MacAddress: 'x' } },
      '400 invalid config for network set: invalid MAC address x',
    ],
    [
      'a sysctl of no interface',
      { set: { DriverOpts: { 'com.docker.network.endpoint.sysctls': 'net.ipv4.conf.eth0.forwarding=1' } } },
      "400 invalid config for network set: invalid endpoint settings:\nunrecognised network interface sysctl 'net.ipv4.conf.eth0.forwarding=1'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'",
    ],
  ])('is not made with %s', async (_, EndpointsConfig, words) => {
    const [NetworkMode] = Object.keys(EndpointsConfig);
    const body = { Image: 'busybox', HostConfig: { NetworkMode }, NetworkingConfig: { EndpointsConfig } };
    expect(told(await suite.daemon.api.post(api('1.51', '/containers/create'), body))).toBe(words);
  });

  it('has interfaces as its networks and options say', async () => {
    const prefix = { 'com.docker.network.container_iface_prefix': 'wan' };
    await create({ Name: 'prefixed', Options: prefix });
    const flags = (...options: string[]) => [
      '--network',
      `name=set,${options.map((one) => `driver-opt=com.docker.network.endpoint.${one}`).join(',')}`,
    ];
    const show = 'cat /proc/sys/net/ipv4/conf/lan0/log_martians; ip -o -4 addr';
    const out = await suite.daemon.ok(
      'run',
      '--rm',
      ...flags('ifname=lan0', 'sysctls=net.ipv4.conf.IFNAME.log_martians=1'),
      '--network',
      'prefixed',
      'busybox',
      'sh',
      '-c',
      show,
    );
    expect(out).toMatch(/^1\n/);
    expect(out).toMatch(/ lan0 +inet 10\.30\.0\./);
    expect(out).toMatch(/ wan0 +inet 172\./);
    const fails = async (option: string) =>
      (await suite.daemon.docker(['run', '--rm', ...flags(option), 'busybox', 'true'])).stderr;
    expect(await fails('ifname=a/b')).toMatch(
      /failed to add interface veth[0-9a-f]{7} to sandbox: error renaming interface "veth[0-9a-f]{7}" to "a\/b": invalid argument/,
    );
    expect(await fails('ifname=abcdefghijklmnop')).toContain('to "abcdefghijklmnop": numerical result out of range');
    expect(await fails('sysctls=net.ipv4.conf.IFNAME.nope=1')).toContain(
      '/proc/sys/net/ipv4/conf/eth0/nope is not a sysctl file',
    );
    await remove('prefixed');
  });

  it('are shown with the gateway that was asked for, and IPv4 first', async () => {
    const shown = async (body: object) => {
      expect(told(await create({ Name: 'form', ...body }))).toBe('201');
      const { IPAM } = (await network('form')) as unknown as { IPAM: { Config: unknown } };
      await remove('form');
      return IPAM.Config;
    };
    const subnet = { Subnet: '10.50.0.0/24' };
    expect(await shown(pools(subnet))).toEqual([subnet]);
    expect(await shown(pools({ ...subnet, Gateway: '10.50.0.9' }))).toEqual([{ ...subnet, Gateway: '10.50.0.9' }]);
    expect(await shown({ EnableIPv6: true, ...pools({ Subnet: 'FD00:1:0::/64' }, subnet) })).toEqual([
      subnet,
      { Subnet: 'FD00:1:0::/64' },
    ]);
    const automatic = { Subnet: expect.stringMatching(/^172\./), Gateway: expect.stringMatching(/\.1$/) };
    expect(await shown({ EnableIPv6: true, ...pools({ Subnet: 'fd00:1::/64' }) })).toEqual([
      { Subnet: 'fd00:1::/64' },
      automatic,
    ]);
    const mode = { Internal: true, Options: { [`${O}gateway_mode_ipv4`]: 'isolated' } };
    expect(await shown(mode)).toEqual([{ Subnet: expect.any(String) }]);
    const range = { Subnet: '10.50.0.0/24', IPRange: '10.50.0.128/25' };
    expect(told(await create({ Name: 'first', ...pools(range) }))).toBe('201');
    expect(told(await create({ Name: 'second', ...pools({ ...range, IPRange: '10.50.0.0/25' }) }))).toMatch(
      /^403 cannot create network ID \(br-.*\): conflicts with network ID \(br-.*\): networks have overlapping IPv4$/,
    );
    expect(told(await remove('first'))).toBe('204');
    expect(told(await create({ Name: 'second', ...pools(subnet, range) }))).toBe(
      "403 bridge driver doesn't support multiple subnets",
    );
  });

  it('are told of containers that wait, run and have ended', async () => {
    const post = (path: string, body: object = {}) => suite.daemon.api.post(api('1.51', path), body);
    type Shown = Record<string, { NetworkID: string; DNSNames: string[] | null; EndpointID: string }>;
    const on = async (name: string): Promise<Shown> =>
      (
        (await suite.daemon.api.get(api('1.51', `/containers/${name}/json`))).json as {
          NetworkSettings: { Networks: Shown };
        }
      ).NetworkSettings.Networks;
    const shortId = expect.stringMatching(/^[0-9a-f]{12}$/) as string;
    expect(told(await create({ Name: 'told' }))).toBe('201');
    const { Id } = (await network('told')) as unknown as { Id: string };
    const box = { Image: 'busybox', Cmd: ['sleep', '600'], Hostname: 'boat', ExposedPorts: { '80/tcp': {} } };
    expect((await post('/containers/create?name=waits', box)).status).toBe(201);
    const asked = { Container: 'waits', EndpointConfig: { Aliases: ['also'] } };
    expect((await post('/networks/told/connect', asked)).status).toBe(200);
    const names = ['waits', 'also', shortId, 'boat'];
    expect(await on('waits')).toMatchObject({
      bridge: { NetworkID: '', DNSNames: null },
      told: { NetworkID: '', DNSNames: names },
    });
    expect((await post('/containers/waits/start')).status).toBe(204);
    expect((await on('waits'))['told']).toMatchObject({ NetworkID: Id, DNSNames: names });
    expect((await post('/containers/waits/rename?name=moved')).status).toBe(204);
    const renamed = ['moved', 'also', shortId, 'boat'];
    expect((await on('moved'))['told']).toMatchObject({ NetworkID: Id, DNSNames: renamed });
    expect((await post('/containers/moved/stop?t=0')).status).toBe(204);
    expect((await on('moved'))['told']).toMatchObject({ NetworkID: Id, DNSNames: renamed, EndpointID: '' });
    await suite.daemon.api.delete(api('1.51', '/containers/moved?force=1'));
    expect(told(await remove('told'))).toBe('204');

    for (const NetworkMode of ['none', 'host']) {
      expect(
        (await post('/containers/create?name=shut', { ...box, Hostname: '', HostConfig: { NetworkMode } })).status,
      ).toBe(201);
      expect((await post('/containers/shut/start')).status).toBe(204);
      const list = (await suite.daemon.api.get(api('1.51', '/containers/json?filters={"name":["shut"]}'))).json;
      expect(list).toMatchObject([{ Ports: [] }]);
      await suite.daemon.api.delete(api('1.51', '/containers/shut?force=1'));
    }
  });
});
