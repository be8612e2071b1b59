import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

/** A neighbour host: a namespace joined to the daemon's by a veth, 10.99.0.1 (daemon) and 10.99.0.2 (neighbour). */
const NEIGHBOUR = `
  mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && ip netns add outside
  ip link add up0 type veth peer name down0 netns outside
  ip addr add 10.99.0.1/24 dev up0 && ip link set up0 up
  ip netns exec outside sh -c 'ip link set lo up; ip addr add 10.99.0.2/24 dev down0; ip link set down0 up; ip route add default via 10.99.0.1'
`;
const suite = daemonSuite({ setup: NEIGHBOUR });
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const inside = async (...command: string[]) => {
  const result = await suite.daemon.holder.run(command, { timeoutMs: 15_000 });
  return { code: result.code, out: result.stdout.trim() };
};
const outside = (...command: string[]) => inside('nsenter', '--net=/run/netns/outside', ...command);
const curl = (url: string) => ['curl', '-s', '-m', '3', url];
/** Fetches a page in a container. Debian's static busybox crashes in its own wget, so nc speaks HTTP. */
const fetchIn = (url: string): string[] => {
  const { hostname, port } = new URL(url);
  return ['sh', '-c', `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 ${hostname} ${port || 80} | tail -1`];
};
const SERVE = ['httpd', '-f', '-p', '80', '-h', '/www'];
const serve = async (name: string, ...flags: string[]) => {
  const args = ['run', '-d', '--name', name, '--tmpfs', '/www', ...flags, 'busybox', 'sh', '-c'];
  await ok(...args, `echo ${name} > /www/index.html; exec ${SERVE.join(' ')}`);
  return ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', name).catch(() => '');
};
const untilServed = (url: string, from = inside) =>
  poll(`an answer from ${url}`, async () => (await from(...curl(url))).out || false, {
    timeoutMs: 10_000,
    everyMs: 100,
  });

describe.skipIf(process.env['WHARF_TEST_TARGET'])('the default bridge', () => {
  it('gives an address, a gateway and a route out', async () => {
    const out = await ok(
      'run',
      '--rm',
      'busybox',
      'sh',
      '-c',
      'ip -4 -o addr show eth0; ip route; ping -c1 -W2 10.99.0.2 | tail -2',
    );
    expect(out).toMatch(/172\.17\.0\.\d+\/16/);
    expect(out).toContain('default via 172.17.0.1 dev eth0');
    expect(out).toContain('1 packets received');
    expect((await inside('ip', '-o', '-4', 'addr', 'show', 'docker0')).out).toContain('172.17.0.1/16');
    expect((await inside('cat', '/proc/sys/net/ipv4/ip_forward')).out).toBe('1');
  });

  it('writes hosts, hostname and resolv.conf', async () => {
    const out = await ok(
      'run',
      '--rm',
      '--hostname',
      'boat',
      '--dns',
      '192.0.2.53',
      '--dns-search',
      'wharf.test',
      '--add-host',
      'pier:192.0.2.1',
      'busybox',
      'sh',
      '-c',
      'cat /etc/hosts /etc/hostname /etc/resolv.conf',
    );
    expect(out).toMatch(/^127\.0\.0\.1\s+localhost$/m);
    expect(out).toMatch(/^172\.17\.0\.\d+\s+boat$/m);
    expect(out).toMatch(/^192\.0\.2\.1\s+pier$/m);
    expect(out).toMatch(/^boat$/m);
    expect(out).toContain('nameserver 192.0.2.53');
    expect(out).toContain('search wharf.test');
  });

  it('publishes a port to loopback, to the host, to neighbours and to containers', async () => {
    const address = await serve('web', '-p', '8080:80');
    expect(await untilServed('http://127.0.0.1:8080/')).toBe('web');
    expect(await untilServed('http://10.99.0.1:8080/')).toBe('web');
    expect(await untilServed('http://172.17.0.1:8080/')).toBe('web');
    expect(await untilServed('http://10.99.0.1:8080/', outside)).toBe('web');
    for (const url of ['http://172.17.0.1:8080/', 'http://10.99.0.1:8080/', `http://${address}/`]) {
      expect(await ok('run', '--rm', 'busybox', ...fetchIn(url))).toBe('web');
    }
    // From the very container, through its published port (hairpin).
    expect(await ok('exec', 'web', ...fetchIn('http://10.99.0.1:8080/'))).toBe('web');
    expect(await ok('port', 'web')).toContain('80/tcp -> 0.0.0.0:8080');
    expect(await ok('ps', '--filter', 'name=web', '--format', '{{.Ports}}')).toContain('0.0.0.0:8080->80/tcp');
    await ok('stop', '-t', '0', 'web');
    expect((await inside(...curl('http://127.0.0.1:8080/'))).code).not.toBe(0);
    await ok('start', 'web');
    expect(await untilServed('http://127.0.0.1:8080/')).toBe('web');
    await ok('rm', '-f', 'web');
  });

  it('lets nobody outside reach what is not published for them', async () => {
    const address = await serve('private', '-p', '127.0.0.1:8081:80');
    expect(await untilServed('http://127.0.0.1:8081/')).toBe('private');
    expect((await outside(...curl('http://10.99.0.1:8081/'))).code).not.toBe(0);
    expect((await outside(...curl(`http://${address}/`))).code).not.toBe(0);
    // A neighbour that routes loopback addresses to us must not reach loopback-published ports.
    await outside('sh', '-c', 'ip route add 127.0.0.2/32 via 10.99.0.1 table 99; true');
    await ok('rm', '-f', 'private');
  });

  it('publishes udp', async () => {
    await ok(
      'run',
      '-d',
      '--name',
      'udp',
      '-p',
      '9053:53/udp',
      '-v',
      '/:/host:ro',
      'busybox',
      // This busybox has no udp server; the host's socat serves in the container's network.
      ...['chroot', '/host', 'socat', 'UDP-LISTEN:53,fork', 'SYSTEM:echo pong'],
    );
    await poll(
      'a udp answer',
      async () => (await inside('sh', '-c', 'echo ping | timeout 2 socat - UDP:127.0.0.1:9053')).out.includes('pong'),
      { everyMs: 200 },
    );
    await ok('rm', '-f', 'udp');
  });

  it('gives ephemeral ports and publishes all that is exposed', async () => {
    await serve('ephemeral', '-p', '80', '--expose', '81', '-P');
    const ports = await ok('port', 'ephemeral', '80');
    const port = /0\.0\.0\.0:(\d+)/.exec(ports)![1]!;
    expect(Number(port)).toBeGreaterThan(1024);
    expect(await untilServed(`http://127.0.0.1:${port}/`)).toBe('ephemeral');
    expect(await ok('port', 'ephemeral', '81')).toMatch(/0\.0\.0\.0:\d+/);
    await ok('rm', '-f', 'ephemeral');
  });

  it('refuses a port that is taken and leaves the container created', async () => {
    await serve('first', '-p', '8082:80');
    const second = await docker('run', '-d', '--name', 'second', '-p', '8082:80', 'busybox', 'true');
    expect(second.code).toBe(125);
    expect(second.stderr).toMatch(/Bind for 0\.0\.0\.0:8082 failed: port is already allocated/);
    expect(await ok('inspect', '-f', '{{.State.Status}}', 'second')).toBe('created');
    await ok('rm', 'second');
    await ok('rm', '-f', 'first');
    await serve('third', '-p', '8082:80');
    expect(await untilServed('http://127.0.0.1:8082/')).toBe('third');
    await ok('rm', '-f', 'third');
  });

  it('refuses a port that a process of the host has', async () => {
    const { daemon } = suite;
    const listener = daemon.holder.run(['timeout', '20', 'socat', 'TCP-LISTEN:8083,fork,reuseaddr', 'PIPE']);
    await poll('the listener', async () => (await inside('ss', '-ltn')).out.includes(':8083'));
    const result = await docker('run', '--rm', '-p', '8083:80', 'busybox', 'true');
    expect(result.code).toBe(125);
    expect(result.stderr).toContain('address already in use');
    await inside('sh', '-c', 'kill $(ss -ltnp | sed -n "s/.*:8083.*pid=\\([0-9]*\\).*/\\1/p" | head -1)');
    await listener;
  });

  it('shares, isolates and joins network namespaces', async () => {
    expect(await ok('run', '--rm', '--network', 'none', 'busybox', 'sh', '-c', 'ls /sys/class/net')).toBe('lo');
    expect(await ok('run', '--rm', '--network', 'host', 'busybox', 'ls', '/sys/class/net')).toContain('up0');
    await serve('owner');
    expect(await ok('run', '--rm', '--network', 'container:owner', 'busybox', ...fetchIn('http://127.0.0.1/'))).toBe(
      'owner',
    );
    await ok('rm', '-f', 'owner');
  });

  it('does not give an address away that is in use, and gives it back', async () => {
    const names = ['n1', 'n2', 'n3', 'n4'];
    await Promise.all(names.map((name) => ok('run', '-d', '--name', name, 'busybox', 'sleep', '100')));
    const addresses = await Promise.all(
      names.map((name) => ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', name)),
    );
    expect(new Set(addresses).size).toBe(names.length);
    await ok('rm', '-f', ...names);
  });

  it('inspects the network with its containers', async () => {
    await ok('run', '-d', '--name', 'seen', 'busybox', 'sleep', '100');
    const [network] = JSON.parse(await ok('network', 'inspect', 'bridge'));
    expect(network).toMatchObject({ Name: 'bridge', Driver: 'bridge', Scope: 'local', Internal: false });
    expect(network.IPAM.Config[0]).toMatchObject({ Subnet: '172.17.0.0/16', Gateway: '172.17.0.1' });
    expect(Object.values(network.Containers)).toEqual([expect.objectContaining({ Name: 'seen' })]);
    expect(await ok('network', 'ls', '--format', '{{.Name}} {{.Driver}}')).toBe('bridge bridge\nhost host\nnone null');
    await ok('rm', '-f', 'seen');
  });
});
