import { describe, expect, it } from 'vitest';
import { ComposeProject, hasCompose } from '../support/compose-project.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

/** A host that forwards nothing by itself and whose iptables drop what they are not told about, with a neighbour behind a veth. */
const suite = daemonSuite({
  setup: `
    mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip netns add outside
    ip link add up0 type veth peer name down0 netns outside
    ip addr add 10.99.0.1/24 dev up0 && ip link set up0 up
    ip netns exec outside sh -c 'ip link set lo up; ip addr add 10.99.0.2/24 dev down0; ip link set down0 up
      ip route add default via 10.99.0.1'
    echo 0 > /proc/sys/net/ipv4/ip_forward
    iptables-nft -P FORWARD DROP
  `,
});
const ok = (...args: string[]): Promise<string> => suite.daemon.ok(...args);
const onHost = async (...command: string[]): Promise<string> =>
  (await suite.daemon.holder.run(command, { timeoutMs: 30_000 })).stdout.trim();
const outside = (...command: string[]): Promise<string> => onHost('nsenter', '--net=/run/netns/outside', ...command);
const TELL = ['socat', 'TCP-LISTEN:80,fork,reuseaddr', 'SYSTEM:"printenv SOCAT_PEERADDR"'];
const call = (address: string): string[] => ['timeout', '5', 'socat', '-T3', '-', `TCP:${address},connect-timeout=2`];
const serve = (name: string, ...flags: string[]): Promise<string> =>
  ok('run', '-d', '--name', name, '-v', '/:/host:ro', ...flags, 'busybox', 'chroot', '/host', ...TELL);
/** Calls from a container. */
const from = async (name: string, address: string): Promise<string> =>
  (await suite.daemon.docker(['exec', name, 'chroot', '/host', ...call(address)])).stdout.trim();
const until = (what: string, ask: () => Promise<string>): Promise<string> => poll(what, ask, { timeoutMs: 60_000 });
const addressOf = (name: string): Promise<string> =>
  ok('inspect', '-f', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}', name);
const again = async (...flags: string[]): Promise<void> => {
  await suite.daemon.down();
  await suite.daemon.up(flags);
};
const forwards = (): Promise<string> => onHost('cat', '/proc/sys/net/ipv4/ip_forward');

describe.skipIf(process.env['WHARF_TEST_TARGET'])('a host', () => {
  it('whose FORWARD chain drops lets our networks through, those too that are made later', async () => {
    expect(await forwards()).toBe('1');
    const neighbour = suite.daemon.holder.run(['timeout', '100', 'nsenter', '--net=/run/netns/outside', ...TELL]);
    await serve('early', '-p', '8080:80');
    await ok('network', 'create', 'later');
    await serve('late', '--network', 'later', '-p', '8081:80');
    for (const [name, port] of [
      ['early', 8080],
      ['late', 8081],
    ] as const) {
      expect(await until('an answer outside', () => outside(...call(`10.99.0.1:${port}`)))).toBe('10.99.0.2');
      expect(await until('an answer inside', () => from(name, '10.99.0.2:80'))).toBe('10.99.0.1');
      expect(await outside(...call(`${await addressOf(name)}:80`))).toBe('');
    }
    expect(await from('early', `${await addressOf('late')}:80`)).toBe('');
    await ok('rm', '-f', 'late');
    await ok('network', 'rm', 'later');
    expect(await onHost('iptables-nft', '-S', 'WHARF-FORWARD')).not.toContain('br-');
    // Somebody else's rules are none of ours, and ours are none of his.
    await onHost('iptables-nft', '-F');
    expect(await until('an answer after a flush', () => outside(...call('10.99.0.1:8080')))).toBe('10.99.0.2');
    await onHost('sh', '-c', 'kill $(ss -ltnpN outside | sed -n "s/.*:80 .*pid=\\([0-9]*\\).*/\\1/p")');
    await neighbour;
  });

  it('is asked to translate nothing with --ip-masq=false', async () => {
    await again('--ip-masq=false');
    const neighbour = suite.daemon.holder.run(['timeout', '100', 'nsenter', '--net=/run/netns/outside', ...TELL]);
    expect(await until('an answer', () => from('early', '10.99.0.2:80'))).toBe(await addressOf('early'));
    await onHost('sh', '-c', 'kill $(ss -ltnpN outside | sed -n "s/.*:80 .*pid=\\([0-9]*\\).*/\\1/p")');
    await neighbour;
  });

  it('keeps containers of the default network apart with --icc=false, and no others', async () => {
    await again('--icc=false');
    await serve('shy');
    await ok('network', 'create', 'open');
    for (const name of ['early', 'shy']) await ok('network', 'connect', 'open', name);
    const place = '{{(index .NetworkSettings.Networks "NAME").IPAddress}}';
    const [apart, together] = await Promise.all(
      ['bridge', 'open'].map((name) => ok('inspect', '-f', place.replace('NAME', name), 'shy')),
    );
    expect(await until('an answer', () => from('early', `${together}:80`))).not.toBe('');
    expect(await from('early', `${apart}:80`)).toBe('');
    await ok('rm', '-f', 'shy', 'early');
    await ok('network', 'rm', 'open');
  });

  it('is left as it is with --ip-forward=false', async () => {
    await onHost('sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward');
    await again('--ip-forward=false');
    await ok('network', 'create', '--ipv6', 'any');
    await serve('here', '--network', 'any', '-p', '8082:80');
    expect(await forwards()).toBe('0');
    expect(await until('an answer on the host', () => onHost(...call('127.0.0.1:8082')))).not.toBe('');
    await ok('rm', '-f', 'here');
    await ok('network', 'rm', 'any');
    await again();
    expect(await forwards()).toBe('1');
  });
});

const FILE = `
services:
  edge:
    image: busybox
    command: sleep 600
    networks: { front: { aliases: [www] } }
  app:
    image: busybox
    command: sleep 600
    networks: { front: {}, middle: { aliases: [worker] } }
  db:
    image: busybox
    command: sleep 600
    networks: { middle: {}, back: { aliases: [store, master] } }
networks:
  front: {}
  middle: {}
  back: { internal: true }
`;

describe.skipIf(process.env['WHARF_TEST_TARGET'] || !(await hasCompose('docker compose')))('a compose project', () => {
  it('has three networks with names of their own on each, for all copies of a service', async () => {
    const project = new ComposeProject(suite.daemon, 'docker compose', 'three', FILE);
    await project.ok(['up', '-d', '--scale', 'app=3', '--scale', 'edge=2']);
    const finds = async (service: string, name: string): Promise<number> => {
      const { stdout } = await project.run(['exec', '-T', service, 'nslookup', `${name}.`]);
      return stdout.split('\n').filter((line) => /^Address( \d+)?: *(172|192|10)\./.test(line)).length;
    };
    const seen: Record<string, number> = {};
    for (const question of [
      'edge app',
      'edge www',
      'edge worker',
      'edge db',
      'app edge',
      'app db',
      'app worker',
      'app store',
      'db worker',
      'db master',
      'db edge',
    ]) {
      const [service = '', name = ''] = question.split(' ');
      seen[question] = await finds(service, name);
    }
    expect(seen).toEqual({
      'edge app': 3,
      'edge www': 2,
      'edge worker': 0,
      'edge db': 0,
      'app edge': 2,
      'app db': 1,
      'app worker': 3,
      'app store': 0,
      'db worker': 3,
      'db master': 1,
      'db edge': 0,
    });
    await project.ok(['down']);
    expect(await ok('network', 'ls', '-q', '--filter', 'type=custom')).toBe('');
  });
});
