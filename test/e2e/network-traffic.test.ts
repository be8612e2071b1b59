import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { neighbour } from '../support/neighbour.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite({ setup: neighbour(4, 6) });
const ok = (...args: string[]): Promise<string> => suite.daemon.ok(...args);
const onHost = async (...command: string[]): Promise<string> =>
  (await suite.daemon.holder.run(command, { timeoutMs: 30_000 })).stdout.trim();
const outside = (...command: string[]): Promise<string> => onHost('nsenter', '--net=/run/netns/outside', ...command);
const dial = (from: typeof onHost, address: string): Promise<string> =>
  from('timeout', '5', 'socat', '-T3', '-', `TCP:${address},connect-timeout=3`);
/** The neighbour as the server tells it. */
const NEIGHBOUR = { v4: 'ffff:0a63:0002', v6: 'fd00:0099:0000:0000:0000:0000:0000:0002' };
/** Tells callers who they are. */
const serve = (name: string, ...flags: string[]): Promise<string> =>
  ok(
    ...['run', '-d', '--name', name, '-v', '/:/host:ro', ...flags, 'busybox', 'chroot', '/host'],
    ...['socat', 'TCP6-LISTEN:80,fork,reuseaddr,ipv6only=0', 'SYSTEM:"printenv SOCAT_PEERADDR"'],
  );
const untilServed = (address: string, from = onHost): Promise<string> =>
  poll(`an answer from ${address}`, async () => (await dial(from, address)) || false, { timeoutMs: 60_000 });
/**
 * SCTP by hand, for kernels that have it in their tables only: `serve` answers each INIT to port 80 with an INIT ACK, `call ADDRESS
 * PORT TIMES` sends INITs until one is acknowledged, and tells from whose port. Both check the checksums that the kernel has to mend when it translates.
 */
const SCTP = `
import socket, struct, sys
table = []
for n in range(256):
    for _ in range(8): n = n >> 1 ^ (0x82f63b78 if n & 1 else 0)
    table.append(n)
def crc32c(data):
    crc = 0xffffffff
    for byte in data: crc = crc >> 8 ^ table[(crc ^ byte) & 255]
    return crc ^ 0xffffffff
def packet(source, destination, tag, kind):
    head, chunk = struct.pack('>HHI', source, destination, tag), struct.pack('>BBHIIHHI', kind, 0, 20, 77, 65536, 1, 1, 1)
    return head + struct.pack('<I', crc32c(head + bytes(4) + chunk)) + chunk
def receive():
    data, (peer, _) = s.recvfrom(2048)
    data = data[(data[0] & 15) * 4:]
    assert struct.unpack('<I', data[8:12])[0] == crc32c(data[:8] + bytes(4) + data[12:]), 'checksum'
    return peer, struct.unpack('>HH', data[:4]), data[12]
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 132)
if sys.argv[1] == 'serve':
    while True:
        peer, (source, destination), kind = receive()
        if kind == 1 and destination == 80: s.sendto(packet(80, source, 77, 2), (peer, 0))
s.settimeout(0.5)
for _ in range(int(sys.argv[4])):
    s.sendto(packet(5000, int(sys.argv[3]), 0, 1), (sys.argv[2], 0))
    try:
        peer, (source, destination), kind = receive()
        print(peer, source, destination, kind); break
    except TimeoutError: pass
`;
const bridges = async (): Promise<number> =>
  (await onHost('ip', '-o', 'link', 'show', 'type', 'bridge')).split('\n').length;

describe.skipIf(process.env['WHARF_TEST_TARGET'])('networks', () => {
  it('forty come at once with a container each, keep apart, and go at once', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `many${index}`);
    const before = await bridges();
    await Promise.all(names.map((name) => ok('network', 'create', name)));
    expect(await bridges()).toBe(before + 40);
    for (let first = 0; first < 40; first += 8) {
      const some = names.slice(first, first + 8);
      await Promise.all(
        some.map((name) => ok('run', '-d', '--name', name, '--network', name, 'busybox', 'sleep', '999')),
      );
    }
    const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.Gateway}}{{end}}';
    const places = (await ok('inspect', '-f', format, ...names)).split('\n').map((line) => line.split(' '));
    expect(new Set(places.map(([address]) => address)).size).toBe(40);
    const [first, last] = ['many0', 'many39'];
    expect((await suite.daemon.docker(['exec', first, 'ping', '-c', '1', '-W', '9', places[0]![1]!])).code).toBe(0);
    expect((await suite.daemon.docker(['exec', last, 'ping', '-c', '1', '-W', '1', places[0]![0]!])).code).toBe(1);
    await ok('rm', '-f', ...names);
    await Promise.all(names.map((name) => ok('network', 'rm', name)));
    expect(await bridges()).toBe(before);
    expect(await onHost('nft', 'list', 'table', 'inet', 'wharfd')).not.toContain('br-');
  });

  it('are joined and left without a stream on another one noticing', async () => {
    for (const name of ['stays', 'comes']) await ok('network', 'create', name);
    await ok(
      ...[
        'run',
        '-d',
        '--name',
        'talker',
        '--network',
        'stays',
        '-p',
        '8070:80',
        'busybox',
        'nc',
        '-l',
        '-p',
        '80',
        '-e',
      ],
      ...['sh', '-c', 'i=0; while echo $i; do i=$((i+1)); sleep 0.02; done'],
    );
    const [program, args] = suite.daemon.holder.enter('nsenter', '--net=/run/netns/outside', 'socat', '-u');
    const caller = spawn(program, [...args, 'TCP:10.99.0.1:8070,retry=20', '-'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const heard: number[] = [];
    createInterface({ input: caller.stdout }).on('line', (line) => heard.push(Number(line)));
    const untilMore = (): Promise<unknown> => {
      const { length } = heard;
      return poll('more of the stream', () => heard.length > length, { timeoutMs: 60_000 });
    };
    try {
      await untilMore();
      for (let round = 0; round < 10; round++) {
        await ok('network', 'connect', 'comes', 'talker');
        expect(await ok('exec', 'talker', 'ip', '-o', '-4', 'addr', 'show', 'eth1')).toContain('eth1');
        await untilMore();
        await ok('network', 'disconnect', 'comes', 'talker');
        await untilMore();
      }
      expect(caller.exitCode).toBeNull();
      expect(heard).toEqual(heard.map((_, index) => index));
    } finally {
      caller.kill('SIGKILL');
    }
    await ok('rm', '-f', 'talker');
    await ok('network', 'rm', 'stays', 'comes');
  });

  it('take the published ports with them when the way out changes', async () => {
    for (const name of ['first', 'second']) await ok('network', 'create', name);
    await serve('mover', '--network', 'first', '-p', '8071:80', '-p', '80', '--expose', '81');
    const ports = (): Promise<string> => ok('inspect', '-f', '{{json .NetworkSettings.Ports}}', 'mover');
    const before = await ports();
    const ephemeral = Number(/"HostPort":"(\d{5})"/.exec(before)?.[1]);
    const answers = async (): Promise<void> => {
      for (const port of [8071, ephemeral])
        expect(await untilServed(`10.99.0.1:${port}`, outside)).toContain(NEIGHBOUR.v4);
    };
    await answers();
    await ok('network', 'connect', '--gw-priority', '5', 'second', 'mover');
    await answers();
    await ok('network', 'disconnect', 'second', 'mover');
    await answers();
    await ok('network', 'connect', 'second', 'mover');
    await ok('network', 'disconnect', 'first', 'mover');
    expect(await ports()).toBe(before);
    await answers();
    await ok('network', 'disconnect', 'second', 'mover');
    expect(await ports()).toBe('{}');
    expect(await dial(outside, '10.99.0.1:8071')).toBe('');
    await ok('run', '--rm', '-p', '8071:80', 'busybox', 'true');
    await ok('network', 'connect', 'first', 'mover');
    expect(await untilServed('10.99.0.1:8071', outside)).toContain(NEIGHBOUR.v4);
    await ok('rm', '-f', 'mover');
    await ok('network', 'rm', 'first', 'second');
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('a container with a network for each family', () => {
  const ports = (): Promise<string> => ok('inspect', '-f', '{{json .NetworkSettings.Ports}}', 'split');
  const binding = (HostIp: string): object => ({ HostIp, HostPort: '8076' });

  it('is reached through both by callers who are seen as who they are', async () => {
    await ok('network', 'create', 'only4');
    await ok('network', 'create', '--ipv6', '--ipv4=false', 'only6');
    await serve('split', '--network', 'only4', '--network', 'only6', '-p', '8076:80', '-p', '0.0.0.0:8077:81');
    const web = [binding('0.0.0.0'), binding('::')];
    const both = { '80/tcp': web, '81/tcp': [{ HostIp: '0.0.0.0', HostPort: '8077' }] };
    expect(JSON.parse(await ports())).toEqual(both);
    const answers = async (): Promise<void> => {
      expect(await untilServed('10.99.0.1:8076', outside)).toContain(NEIGHBOUR.v4);
      expect(await untilServed('[fd00:99::1]:8076', outside)).toContain(NEIGHBOUR.v6);
    };
    await answers();
    await ok('network', 'disconnect', 'only4', 'split');
    expect(JSON.parse(await ports())).toEqual({ '80/tcp': [binding('::')], '81/tcp': null });
    expect(await untilServed('[fd00:99::1]:8076', outside)).toContain(NEIGHBOUR.v6);
    await ok('network', 'connect', 'only4', 'split');
    expect(JSON.parse(await ports())).toEqual(both);
    await answers();
    await ok('rm', '-f', 'split');
    await ok('network', 'rm', 'only4', 'only6');
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('another machine', () => {
  it('reaches what is published, is seen as who it is, and reaches nothing else', async () => {
    await ok('network', 'create', '--ipv6', '--subnet', '172.29.0.0/24', '--subnet', 'fd00:29::/64', 'both');
    const place = ['--network', 'both', '--ip', '172.29.0.9', '--ip6', 'fd00:29::9'];
    await serve('open', ...place, '-p', '8072:80', '-p', '127.0.0.1:8073:80', '-p', '[::1]:8074:80');
    expect(await untilServed('10.99.0.1:8072', outside)).toContain(NEIGHBOUR.v4);
    expect(await untilServed('[fd00:99::1]:8072', outside)).toContain(NEIGHBOUR.v6);
    expect(await dial(outside, '172.29.0.9:80')).toBe('');
    expect(await dial(outside, '[fd00:29::9]:80')).toBe('');
    expect(await dial(outside, '172.29.0.1:8072')).toContain(NEIGHBOUR.v4);
    for (const port of [8073, 8074]) {
      for (const host of ['10.99.0.1', '[fd00:99::1]', '172.29.0.1', '[fd00:29::1]']) {
        expect(await dial(outside, `${host}:${port}`)).toBe('');
      }
    }
    // As if it had 127.0.0.1 behind it: the host must not take what comes in over the wire for its own.
    await outside('ip', 'route', 'add', '127.0.0.2/32', 'via', '10.99.0.1');
    await outside('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/down0/route_localnet');
    expect(await dial(outside, '127.0.0.2:8073')).toBe('');
  });

  it('reaches what is published over sctp', async () => {
    const program = ['--cap-add', 'NET_RAW', 'busybox', 'chroot', '/host', 'python3', '-c', SCTP, 'serve'];
    await ok('run', '-d', '--name', 'sctp', '-v', '/:/host:ro', '-p', '8078:80/sctp', ...program);
    const { '80/sctp': bindings } = JSON.parse(await ok('inspect', '-f', '{{json .NetworkSettings.Ports}}', 'sctp'));
    expect(bindings).toEqual([{ HostIp: '0.0.0.0', HostPort: '8078' }]);
    expect(await outside('python3', '-c', SCTP, 'call', '10.99.0.1', '8078', '60')).toBe('10.99.0.1 8078 5000 2');
    await ok('rm', '-f', 'sctp');
    expect(await outside('python3', '-c', SCTP, 'call', '10.99.0.1', '8078', '2')).toBe('');
  });

  it('is not needed to reach the host’s own addresses of both families, nor a container itself', async () => {
    const unreached = async (from: typeof onHost, hosts: string[]): Promise<string[]> => {
      const answers = await Promise.all(hosts.map((host) => dial(from, host)));
      return hosts.filter((_, index) => answers[index] === '');
    };
    const v4 = ['127.0.0.1:8072', '127.0.0.1:8073', '10.99.0.1:8072', '172.29.0.1:8072'];
    const v6 = ['[::1]:8072', '[::1]:8074', '[fd00:99::1]:8072', '[fd00:29::1]:8072'];
    expect(await unreached(onHost, [...v4, ...v6])).toEqual([]);
    const self = (...command: string[]): Promise<string> => ok('exec', 'open', 'chroot', '/host', ...command);
    expect(await unreached(self, [...v4.slice(2), ...v6.slice(2)])).toEqual([]);
    await ok('rm', '-f', 'open');
    await ok('network', 'rm', 'both');
  });
});
