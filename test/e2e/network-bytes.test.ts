import { describe, expect, it } from 'vitest';
import { LARGEST_BURST, listLinks, setLink } from '../../src/host/netlink/links.js';
import { openRouteSocket } from '../../src/host/netlink/route-socket.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { neighbour } from '../support/neighbour.js';

/** Answers who sends a length and as many bytes with their digest and the bytes. */
const SERVER = `
import hashlib, socket, threading
def serve(c):
    file = c.makefile('rb')
    data = file.read(int.from_bytes(file.read(8), 'big'))
    c.sendall(hashlib.sha256(data).digest()); c.sendall(data); c.close()
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0); s.bind(('::', 80)); s.listen(64)
while True: threading.Thread(target=serve, args=(s.accept()[0],)).start()
`;
/** Sends each address that many bytes and has them back; tells the addresses where both came whole. */
const CLIENT = `
import hashlib, os, socket, sys, time
data = os.urandom(int(sys.argv[1]))
for address in sys.argv[2:]:
    host, port = address.rsplit(':', 1)
    for _ in range(300):
        try: s = socket.create_connection((host.strip('[]'), int(port)), 30); break
        except ConnectionRefusedError: time.sleep(0.1)
    s.sendall(len(data).to_bytes(8, 'big')); s.sendall(data)
    file = s.makefile('rb'); digest, back = file.read(32), file.read()
    if digest == hashlib.sha256(data).digest() and back == data: print(address)
`;
/** Long enough for a connection to get to its largest packets. */
const BYTES = String(12 << 20);
/** What a card takes at once. */
const CARD = 65_536;

const suite = daemonSuite({ setup: neighbour(4, 6) });
const ok = (...args: string[]): Promise<string> => suite.daemon.ok(...args);
const onHost = async (...command: string[]): Promise<string> =>
  (await suite.daemon.holder.run(command, { timeoutMs: 90_000 })).stdout.trim();
const outside = (...command: string[]): Promise<string> => onHost('nsenter', '--net=/run/netns/outside', ...command);
const within =
  (name: string): typeof onHost =>
  (...command) =>
    ok('exec', name, 'chroot', '/host', ...command);
/** Those of the addresses whose bytes came whole, both ways. */
const whole = async (from: typeof onHost, addresses: string[]): Promise<string[]> =>
  (await from('python3', '-c', CLIENT, BYTES, ...addresses)).split('\n');
const serve = (name: string, ...flags: string[]): Promise<string> =>
  ok(
    ...['run', '-d', '--name', name, '-v', '/:/host:ro', ...flags, 'busybox', 'chroot', '/host'],
    ...['python3', '-c', SERVER],
  );
const dual = (net: number, ...flags: string[]): Promise<string> =>
  ok(
    ...['network', 'create', '--ipv6', '--subnet', `172.29.${net}.0/24`, '--subnet', `fd00:29:${net}::/64`, ...flags],
    `bytes${net}`,
  );
const at = (net: number, host: number): string[] => [
  ...['--network', `bytes${net}`, '--ip', `172.29.${net}.${host}`, '--ip6', `fd00:29:${net}::${host}`],
];
const direct = (net: number, host: number): string[] => [`172.29.${net}.${host}:80`, `[fd00:29:${net}::${host}]:80`];
/** In the namespace of a process: the largest packets that its links take, of those whose names match. */
const burstsOf = (pid: number | string, names: RegExp): number[] => {
  using socket = openRouteSocket(`/proc/${pid}/ns/net`);
  return listLinks(socket).flatMap(({ name, burst }) => (names.test(name) ? [burst] : []));
};
const lower = (pid: number | string, names: RegExp): void => {
  using socket = openRouteSocket(`/proc/${pid}/ns/net`);
  for (const { name } of listLinks(socket)) if (names.test(name)) socket.request(setLink(name, { burst: CARD }));
};
const pidOf = (name: string): Promise<string> => ok('inspect', '-f', '{{.State.Pid}}', name);
/** Bridges and the host's ends of pairs. */
const OURS = /^(br-|veth)/;
/** Linux has larger packets since 6.3. */
const largest = (): number => (burstsOf(suite.daemon.holder.pid, /^lo$/)[0] === 0 ? 0 : LARGEST_BURST);

describe.skipIf(process.env['WHARF_TEST_TARGET'])('bytes', () => {
  it('come whole through published ports, from everywhere, both ways', async () => {
    await dual(0);
    await serve('open', ...at(0, 9), '-p', '8090:80');
    const local = ['127.0.0.1:8090', '[::1]:8090'];
    const published = ['10.99.0.1:8090', '[fd00:99::1]:8090'];
    expect(await whole(onHost, [...local, ...published, ...direct(0, 9)])).toEqual([
      ...local,
      ...published,
      ...direct(0, 9),
    ]);
    expect(await whole(outside, published)).toEqual(published);
    expect(await whole(within('open'), published)).toEqual(published);
    await serve('beside', ...at(0, 10));
    expect(await whole(within('beside'), [...published, ...direct(0, 9)])).toEqual([...published, ...direct(0, 9)]);
  });

  it('come in what any card takes, in both directions', async () => {
    const asItWas = Math.min(largest(), CARD);
    expect(burstsOf(suite.daemon.holder.pid, OURS)).toEqual([asItWas, asItWas, asItWas]);
    expect(burstsOf(await pidOf('open'), /^eth/)).toEqual([asItWas]);
    await ok('rm', '-f', 'open', 'beside');
    await ok('network', 'rm', 'bytes0');
  });

  it('come whole between containers that have no way out, in packets of half a megabyte', async () => {
    await dual(1, '--internal');
    await dual(2, '--internal', '-o', 'com.docker.network.bridge.gateway_mode_ipv4=isolated');
    for (const [name, host] of [
      ['one', 9],
      ['other', 10],
    ] as const) {
      await serve(name, ...at(1, host));
      await ok('network', 'connect', '--ip', `172.29.2.${host}`, '--ip6', `fd00:29:2::${host}`, 'bytes2', name);
    }
    expect(await whole(within('other'), [...direct(1, 9), ...direct(2, 9)])).toEqual([
      ...direct(1, 9),
      ...direct(2, 9),
    ]);
    expect(await whole(onHost, direct(1, 9))).toEqual(direct(1, 9));
    expect(burstsOf(suite.daemon.holder.pid, OURS)).toEqual(Array(6).fill(largest()));
    expect(burstsOf(await pidOf('one'), /^eth/)).toEqual([largest(), largest()]);
  });

  it('come in as large ones after a start of the daemon, too, whatever an older one left', async () => {
    const { pid } = suite.daemon.holder;
    const inside = await pidOf('other');
    await suite.daemon.down('SIGKILL');
    if (largest() > 0) {
      lower(pid, OURS);
      lower(inside, /^eth/);
    }
    await suite.daemon.up();
    expect(burstsOf(pid, OURS)).toEqual(Array(6).fill(largest()));
    expect(burstsOf(inside, /^eth/)).toEqual([largest(), largest()]);
    expect(await whole(within('other'), direct(1, 9))).toEqual(direct(1, 9));
    await ok('rm', '-f', 'one', 'other');
    await ok('network', 'rm', 'bytes1', 'bytes2');
  });

  it('come whole where networks have an MTU of their own or are routed to', async () => {
    await dual(3, '-o', 'com.docker.network.driver.mtu=1300');
    const routed = ['-o', 'com.docker.network.bridge.gateway_mode_ipv4=routed'];
    await dual(
      4,
      ...routed,
      '-o',
      'com.docker.network.bridge.gateway_mode_ipv6=routed',
      '-o',
      'com.docker.network.driver.mtu=9000',
    );
    await serve('small', ...at(3, 9), '-p', '8091:80');
    await serve('routed', ...at(4, 9), '-p', '80');
    const published = ['10.99.0.1:8091', '[fd00:99::1]:8091'];
    expect(await whole(onHost, [...direct(3, 9), ...direct(4, 9)])).toEqual([...direct(3, 9), ...direct(4, 9)]);
    expect(await whole(outside, [...published, ...direct(4, 9)])).toEqual([...published, ...direct(4, 9)]);
    expect(await whole(within('small'), published)).toEqual(published);
    await ok('rm', '-f', 'small', 'routed');
    await ok('network', 'rm', 'bytes3', 'bytes4');
  });
});
