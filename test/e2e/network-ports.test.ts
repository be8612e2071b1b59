import { afterEach, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { neighbour } from '../support/neighbour.js';
import { poll } from '../support/poll.js';
import { publishedPorts } from '../support/published-ports.js';

const suite = daemonSuite({ setup: neighbour(4) });
const { inside, fetch, fetchOutside, untilServed, serve, relays } = publishedPorts(suite);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const patient = { timeoutMs: 60_000 };
const ports = async (name: string) =>
  JSON.parse(await ok('inspect', '-f', '{{json .NetworkSettings.Ports}}', name)) as Record<string, unknown>;

/** Answers each datagram. */
const UDP_SERVER = `
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    server.sendto(b"pong", server.recvfrom(100)[1])
`;
const UDP_CALLER = `
import socket
caller = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
caller.settimeout(5)
caller.sendto(b"ping", ("::1", 9053))
print(caller.recv(100).decode())
`;

describe.skipIf(process.env['WHARF_TEST_TARGET'])('published ports', () => {
  // So that one that fails does not take the next with it.
  afterEach(async () => {
    if (!suite.daemon.isUp) await suite.daemon.up();
    await suite.daemon.removeAllContainers();
  });

  it('are reached over IPv6 though the container has none, also while and after the daemon was killed', async () => {
    await serve('web', '-p', '8080:80');
    const twins = ['0.0.0.0', '::'].map((HostIp) => ({ HostIp, HostPort: '8080' }));
    expect(await ports('web')).toEqual({ '80/tcp': twins });
    const everywhere = async () => {
      for (const host of ['127.0.0.1', '[::1]', '[fd00:99::1]', '10.99.0.1']) {
        expect(await untilServed(`http://${host}:8080/`)).toBe('web');
      }
      expect(await untilServed('http://[fd00:99::1]:8080/', fetchOutside)).toBe('web');
    };
    await everywhere();
    const relay = relays();
    expect(relay).toHaveLength(1);
    await suite.daemon.down('SIGKILL');
    await everywhere();
    // The port is the container's all the while.
    expect(await inside('sh', '-c', 'timeout 30 socat TCP4-LISTEN:8080 /dev/null 2>&1 || true')).toContain('in use');
    await suite.daemon.up();
    await everywhere();
    expect(relays()).toEqual(relay);
    await ok('rm', '-f', 'web');
    expect(await fetch('http://[::1]:8080/')).toBe('');
  });

  it('are taken in every form', async () => {
    await serve('six', '-p', '[::1]:8081:80', '-p', '8082-8083:80');
    expect(await untilServed('http://[::1]:8081/')).toBe('six');
    expect(await fetch('http://127.0.0.1:8081/')).toBe('');
    expect(await fetchOutside('http://[fd00:99::1]:8081/')).toBe('');
    expect((await ports('six'))['80/tcp']).toEqual([
      { HostIp: '::1', HostPort: '8081' },
      { HostIp: '0.0.0.0', HostPort: '8082' },
      { HostIp: '::', HostPort: '8082' },
    ]);
    await ok('rm', '-f', 'six');
  });

  it('are given back by the next daemon when their container ended without one', async () => {
    await serve('brief', '-p', '8088:80');
    expect(await untilServed('http://[::1]:8088/')).toBe('brief');
    const pid = Number(await ok('inspect', '-f', '{{.State.Pid}}', 'brief'));
    await suite.daemon.down('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await suite.daemon.up();
    // It may learn of the end only now.
    await poll(
      'the port to be free',
      async () => {
        const { code } = await suite.daemon.docker(['run', '--rm', '-p', '8088:80', 'busybox', 'true']);
        return code === 0;
      },
      patient,
    );
    await serve('next', '-p', '8088:80');
    expect(await untilServed('http://[::1]:8088/')).toBe('next');
    await ok('rm', '-f', 'brief', 'next');
  });

  it('are relayed again after the relay was killed', async () => {
    await serve('revived', '-p', '8089:80');
    expect(await untilServed('http://[::1]:8089/')).toBe('revived');
    for (const pid of relays()) process.kill(pid, 'SIGKILL');
    expect(await untilServed('http://[::1]:8089/')).toBe('revived');
    await ok('rm', '-f', 'revived');
    await poll('the relay to end', async () => relays().length === 0, patient);
  });

  it('carry udp from one family to the other', async () => {
    const server = ['chroot', '/host', 'python3', '-c', UDP_SERVER];
    await ok('run', '-d', '--name', 'udp', '-p', '9053:53/udp', '-v', '/:/host:ro', 'busybox', ...server);
    const answered = (): Promise<unknown> =>
      poll('a udp answer', async () => (await inside('python3', '-c', UDP_CALLER)) === 'pong', patient);
    await answered();
    await suite.daemon.down('SIGKILL');
    await answered();
    await suite.daemon.up();
    await ok('rm', '-f', 'udp');
  });

  it('work again soon after somebody flushed the rules', async () => {
    await serve('flushed', '-p', '8084:80');
    expect(await untilServed('http://10.99.0.1:8084/', fetchOutside)).toBe('flushed');
    await inside('nft', 'flush', 'ruleset');
    expect(await untilServed('http://10.99.0.1:8084/', fetchOutside)).toBe('flushed');
    await ok('rm', '-f', 'flushed');
  });

  it('are direct on routed networks', async () => {
    const mode = 'com.docker.network.bridge.gateway_mode_ipv4=routed';
    await ok('network', 'create', '-o', mode, '--subnet', '10.44.0.0/24', 'routed');
    await serve('routed', '--network', 'routed', '--ip', '10.44.0.9', '-p', '8085:80');
    expect(((await ports('routed'))['80/tcp'] as object[])[0]).toEqual({ HostIp: '0.0.0.0', HostPort: '' });
    expect(await untilServed('http://10.44.0.9/', fetchOutside)).toBe('routed');
    expect(await fetchOutside('http://10.99.0.1:8085/')).toBe('');
    await ok('rm', '-f', 'routed');
    await ok('network', 'rm', 'routed');
  });

  it('are served without a firewall, and by nobody without that', async () => {
    await suite.daemon.down();
    await suite.daemon.up(['--iptables=false']);
    expect(await inside('nft', 'list', 'tables')).not.toContain('wharfd');
    await serve('plain', '-p', '8086:80');
    expect(await untilServed('http://127.0.0.1:8086/')).toBe('plain');
    expect(await untilServed('http://10.99.0.1:8086/', fetchOutside)).toBe('plain');
    await suite.daemon.down();
    await suite.daemon.up(['--userland-proxy=false']);
    expect(await untilServed('http://10.99.0.1:8086/', fetchOutside)).toBe('plain');
    await ok('rm', '-f', 'plain');
    await serve('kernel', '-p', '8087:80');
    expect(await ports('kernel')).toEqual({ '80/tcp': [{ HostIp: '0.0.0.0', HostPort: '8087' }] });
    await ok('rm', '-f', 'kernel');
  });
});
