import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

/** Two neighbours on links of their own: 10.99.1.2 on near0, 10.99.2.2 on far0. Both route the containers' addresses here. */
const NEIGHBOURS = `
  mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns
  for n in 1 2; do
    name=$([ $n = 1 ] && echo near || echo far)
    ip netns add $name
    ip link add \${name}0 type veth peer name eth0 netns $name
    ip addr add 10.99.$n.1/24 dev \${name}0 && ip link set \${name}0 up
    ip netns exec $name sh -c "ip link set lo up; ip addr add 10.99.$n.2/24 dev eth0; ip link set eth0 up; ip route add default via 10.99.$n.1"
  done
`;
const suite = daemonSuite({ setup: NEIGHBOURS });
const ok = (...args: string[]) => suite.daemon.ok(...args);
const inspect = async (path: string) => (await suite.daemon.api.get(`/v1.51${path}`)).json;
const restart = async (...flags: string[]) => {
  await suite.daemon.down();
  await suite.daemon.up(flags);
};
const host = async (...command: string[]) =>
  (await suite.daemon.holder.run(command, { timeoutMs: 15_000 })).stdout.trim();
const bridge = async () => inspect('/networks/bridge');
/** What a neighbour hears from a web server at an address; '' : nothing. */
const heard = async (from: 'near' | 'far', url: string) =>
  host('nsenter', `--net=/run/netns/${from}`, 'curl', '-s', '-g', '-m', '1', url);
const untilHeard = (from: 'near' | 'far', url: string) =>
  poll(`an answer from ${url}`, async () => (await heard(from, url)) !== '', { timeoutMs: 30_000, everyMs: 200 });
const SERVE = ['busybox', 'sh', '-c', 'echo hello > /tmp/index.html; exec httpd -f -p 80 -h /tmp'];
const addressOf = async (name: string, network = 'bridge') =>
  (await inspect(`/containers/${name}/json`)).NetworkSettings.Networks[network].IPAddress as string;
const routes = ['sh', '-c', 'ip route; ip -6 route'];

/** What dockerd 28.5 makes of the same flags. */
describe.skipIf(process.env['WHARF_TEST_TARGET'])('the default bridge', () => {
  it('gets a unique local IPv6 subnet, and keeps it', async () => {
    await restart('--ipv6');
    const first = await bridge();
    expect(first).toMatchObject({
      EnableIPv4: true,
      EnableIPv6: true,
      IPAM: {
        Config: [
          { Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' },
          { Subnet: expect.stringMatching(/^fd.*::\/64$/), Gateway: expect.stringMatching(/^fd.*::1$/) },
        ],
      },
    });
    const gateway = first.IPAM.Config[1].Gateway as string;
    expect(await ok('run', '--rm', 'busybox', ...routes)).toContain(`default via ${gateway} dev eth0`);
    expect(await host('ip', '-6', 'addr', 'show', 'docker0')).toContain(`inet6 ${gateway}/64`);
    const hosts = await ok('run', '--rm', '--add-host', 'up:host-gateway', 'busybox', 'cat', '/etc/hosts');
    expect(hosts).toMatch(new RegExp(`^172\\.17\\.0\\.1\\tup\\n${gateway}\\tup$`, 'm'));
    await restart('--ipv6');
    expect((await bridge()).IPAM).toEqual(first.IPAM);
    await restart();
    expect(await bridge()).toMatchObject({ EnableIPv6: false, IPAM: { Config: [{ Subnet: '172.17.0.0/16' }] } });
    expect(await host('ip', '-6', 'addr', 'show', 'docker0')).not.toContain('inet6 fd');
  });

  it('takes addresses, ranges and gateways from the flags', async () => {
    await restart(
      ...['--bip', '10.9.0.1/24', '--fixed-cidr', '10.9.0.128/25', '--default-gateway', '10.9.0.7'],
      ...[
        '--ipv6',
        '--bip6',
        'fd78:1::5/64',
        '--fixed-cidr-v6',
        'fd78:1::1:0/112',
        '--default-gateway-v6',
        'fd78:1::9',
      ],
    );
    expect((await bridge()).IPAM.Config).toEqual([
      {
        Subnet: '10.9.0.0/24',
        IPRange: '10.9.0.128/25',
        Gateway: '10.9.0.1',
        AuxiliaryAddresses: { DefaultGatewayIPv4: '10.9.0.7' },
      },
      {
        Subnet: 'fd78:1::/64',
        IPRange: 'fd78:1::1:0/112',
        Gateway: 'fd78:1::5',
        AuxiliaryAddresses: { DefaultGatewayIPv6: 'fd78:1::9' },
      },
    ]);
    await ok('run', '-d', '--name', 'seen', 'busybox', 'sleep', '600');
    expect((await inspect('/containers/seen/json')).NetworkSettings.Networks.bridge).toMatchObject({
      Gateway: '10.9.0.7',
      IPAddress: '10.9.0.128',
      IPPrefixLen: 24,
      IPv6Gateway: 'fd78:1::9',
      GlobalIPv6Address: 'fd78:1::1:0',
      GlobalIPv6PrefixLen: 64,
    });
    const shown = await ok('exec', 'seen', ...routes);
    expect(shown).toContain('default via 10.9.0.7 dev eth0');
    expect(shown).toContain('default via fd78:1::9 dev eth0');
    expect(await host('ip', '-o', 'addr', 'show', 'docker0')).toMatch(/10\.9\.0\.1\/24.*\n.*fd78:1::5\/64/);
    await ok('rm', '-f', 'seen');
  });

  it('has the fixed subnets for its own when no address is given', async () => {
    await host('ip', 'link', 'del', 'docker0');
    await restart('--fixed-cidr', '10.8.0.128/25', '--ipv6', '--fixed-cidr-v6', 'fd77:1::/64');
    expect((await bridge()).IPAM.Config).toEqual([
      { Subnet: '10.8.0.128/25', IPRange: '10.8.0.128/25' },
      { Subnet: 'fd77:1::/64', IPRange: 'fd77:1::/64' },
    ]);
    const shown = await ok('run', '--rm', 'busybox', 'sh', '-c', 'ip route; ip -6 route; ip addr show eth0');
    expect(shown).toContain('default via 10.8.0.129 dev eth0');
    expect(shown).toContain('default via fd77:1::1 dev eth0');
    expect(shown).toContain('inet 10.8.0.130/25');
    expect(shown).toContain('inet6 fd77:1::2/64');
  });

  it('is not had with addresses that can’t be', async () => {
    const refused: [string[], string][] = [
      [
        ['--bip', '10.9.0.1/24', '--default-gateway', '10.8.0.1'],
        'auxiliary address: (DefaultGatewayIPv4:10.8.0.1) must belong to the master pool: 10.9.0.0/24',
      ],
      [['--bip', '10.9.0.0/24'], 'failed to allocate gateway (10.9.0.0): Address already in use'],
      [
        ['--bip', '10.9.0.1/24', '--fixed-cidr', '10.8.0.0/25'],
        'fixed-cidr 10.8.0.0/25 is not in the subnet of the default bridge, 10.9.0.0/24',
      ],
    ];
    await suite.daemon.down();
    for (const [flags, words] of refused) {
      await expect(suite.daemon.up(flags)).rejects.toThrow('the daemon ended with 1');
      await poll(`the log to say ${words}`, () => suite.daemon.log.includes(words), { timeoutMs: 30_000 });
    }
    await suite.daemon.up();
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('networks', () => {
  it('get the options that the daemon has for their driver', async () => {
    const mtu = 'com.docker.network.driver.mtu';
    await restart('--default-network-opt', `bridge=${mtu}=1400`, '--default-network-opt', 'macvlan=macvlan_mode=vepa');
    await ok('network', 'create', 'plain');
    await ok('network', 'create', '-o', `${mtu}=1300`, 'own');
    await ok('network', 'create', '-d', 'macvlan', '-o', 'parent=near0', 'lan');
    const options = async (name: string) => (await inspect(`/networks/${name}`)).Options;
    expect(await options('plain')).toEqual({ [mtu]: '1400' });
    expect(await options('own')).toEqual({ [mtu]: '1300' });
    expect(await options('lan')).toEqual({ parent: 'near0', macvlan_mode: 'vepa' });
    expect((await options('bridge'))[mtu]).toBe('1500');
    const shown = await ok('run', '--rm', '--network', 'plain', 'busybox', 'cat', '/sys/class/net/eth0/mtu');
    expect(shown).toBe('1400');
    await ok('network', 'rm', 'plain', 'own', 'lan');
  });

  it('open published ports, and only those, at containers’ addresses to interfaces that they trust', async () => {
    await restart();
    await ok('network', 'create', '-o', 'com.docker.network.bridge.trusted_host_interfaces=near0:lo', 'trusting');
    await ok('run', '-d', '--name', 'web', '--network', 'trusting', '-p', '127.0.0.1:8080:80', ...SERVE);
    await ok('run', '-d', '--name', 'shut', '--network', 'trusting', ...SERVE);
    await untilHeard('near', `http://${await addressOf('web', 'trusting')}/`);
    expect(await heard('far', `http://${await addressOf('web', 'trusting')}/`)).toBe('');
    expect(await heard('near', `http://${await addressOf('shut', 'trusting')}/`)).toBe('');
    await ok('rm', '-f', 'web', 'shut');
    await ok('network', 'rm', 'trusting');
    expect(await host('nft', 'list', 'set', 'inet', 'wharfd', 'trusted4')).not.toContain('elements');
    expect(await host('nft', 'list', 'set', 'inet', 'wharfd', 'trust')).not.toContain('elements');
  });

  it('open them to everybody with --allow-direct-routing', async () => {
    await restart('--allow-direct-routing');
    await ok('run', '-d', '--name', 'web', '-p', '8080:80', ...SERVE);
    await ok('run', '-d', '--name', 'shut', ...SERVE);
    await untilHeard('far', `http://${await addressOf('web')}/`);
    await untilHeard('far', 'http://10.99.2.1:8080/');
    expect(await heard('far', `http://${await addressOf('shut')}/`)).toBe('');
    await ok('rm', '-f', 'web', 'shut');
  });

  it('let packets with the mark pass', async () => {
    await restart('--bridge-accept-fwmark', '0x10/0xf0');
    await ok('run', '-d', '--name', 'web', ...SERVE);
    const url = `http://${await addressOf('web')}/`;
    expect(await heard('near', url)).toBe('');
    await host(
      'sh',
      '-c',
      `nft add table inet marker
       nft add chain inet marker pre '{ type filter hook prerouting priority -160; }'
       nft add rule inet marker pre iifname near0 meta mark set 0x12`,
    );
    await untilHeard('near', url);
    expect(await heard('far', url)).toBe('');
    await host('nft', 'delete', 'table', 'inet', 'marker');
    await ok('rm', '-f', 'web');
  });

  it('publish sctp by rules, which is all that a kernel without sctp can show', async () => {
    await restart();
    await ok('run', '-d', '--name', 'web', '-p', '9999:99/sctp', ...SERVE);
    const lead = `sctp . 9999 : ${await addressOf('web')} . 99`;
    expect(await host('nft', 'list', 'map', 'inet', 'wharfd', 'published4')).toContain(lead);
    expect(await ok('port', 'web')).toContain('99/sctp -> 0.0.0.0:9999');
    await ok('rm', '-f', 'web');
    expect(await host('nft', 'list', 'map', 'inet', 'wharfd', 'published4')).not.toContain('9999');
  });

  it('have no rules for IPv6 with --ip6tables=false, and ports all the same', async () => {
    await restart('--ip6tables=false', '--ipv6', '--bip6', 'fd78:1::1/64');
    await ok('run', '-d', '--name', 'web', '-p', '8080:80', ...SERVE);
    await poll(
      'an answer over IPv6',
      async () => (await host('curl', '-s', '-g', '-m', '2', 'http://[::1]:8080/')) === 'hello',
      {
        timeoutMs: 30_000,
        everyMs: 200,
      },
    );
    expect(await host('curl', '-s', '-m', '2', 'http://127.0.0.1:8080/')).toBe('hello');
    const table = await host('nft', 'list', 'table', 'inet', 'wharfd');
    expect(table).toContain('meta nfproto ipv6 accept');
    expect(table).not.toContain('fd78:');
    await ok('rm', '-f', 'web');
  });
});
