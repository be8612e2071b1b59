import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

/** A resolver of the host: 127.0.0.53 answers for `wharf.test`, 127.0.0.54 refuses everything. */
const RESOLV_CONF = 'nameserver 127.0.0.54\\nnameserver 127.0.0.53\\nsearch corp.test\\n';
const suite = daemonSuite({
  setup: `mount -t tmpfs tmpfs /mnt && printf '${RESOLV_CONF}' > /mnt/resolv.conf && mount --bind /mnt/resolv.conf /etc/resolv.conf`,
});
const ok = (...args: string[]) => suite.daemon.ok(...args);

const SERVER = `
import socket, struct, sys, threading
def answer(m, tcp, code):
    n, labels = 12, []
    while m[n]:
        labels.append(m[n+1:n+1+m[n]].decode()); n += 1 + m[n]
    q = m[12:n+5]; name = '.'.join(labels)
    count = 0 if code else 100 if name == 'big.wharf.test' else 1 if name.endswith('wharf.test') else 0
    code = code or (0 if count else 3)
    cut = 0x200 if count > 1 and not tcp else 0
    rr = b'\\xc0\\x0c' + struct.pack('>HHIH', 1, 1, 60, 4) + bytes([192, 0, 2, 7])
    return m[:2] + struct.pack('>HHHHH', 0x8180 | cut | code, 1, 1 if cut else count, 0, 0) + q + rr * (1 if cut else count)
def udp(s, code):
    while True:
        m, peer = s.recvfrom(4096); s.sendto(answer(m, False, code), peer)
def tcp(s, code):
    while True:
        c, _ = s.accept(); m = c.recv(4096)[2:]; r = answer(m, True, code); c.sendall(struct.pack('>H', len(r)) + r); c.close()
for host, code in (('127.0.0.53', 0), ('127.0.0.54', 5)):
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind((host, 53))
    t = socket.create_server((host, 53))
    threading.Thread(target=udp, args=(u, code)).start(); threading.Thread(target=tcp, args=(t, code)).start()
print('ready', flush=True)
`;

/** Asks the way programs do that speak DNS themselves: `name/type[/tcp]` each, an answer per line. */
const RAW = `
import socket, struct, sys
def ask(name, kind, tcp):
    m = struct.pack('>HHHHHH', 77, 0x100, 1, 0, 0, 0) + b''.join(bytes([len(l)]) + l.encode() for l in name.split('.')) + b'\\0' + struct.pack('>HH', kind, 1)
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM); s.settimeout(10); s.connect(('127.0.0.11', 53))
    s.send(struct.pack('>H', len(m)) + m if tcp else m)
    r = s.recv(65535)
    while tcp and len(r) < 2 + struct.unpack('>H', r[:2])[0]: r += s.recv(65535)
    if tcp: r = r[2:]
    ident, flags, _, count, _, _ = struct.unpack('>HHHHHH', r[:12])
    assert ident == 77
    datas, at = [], len(m)
    for _ in range(count):
        length = struct.unpack('>H', r[at+10:at+12])[0]; data = r[at+12:at+12+length]; at += 12 + length
        datas.append('.'.join(map(str, data)) if kind == 1 else data.hex())
    return f"{flags & 15}{' cut' if flags & 0x200 else ''} {len(datas)} {' '.join(sorted(set(datas)))}".strip()
for arg in sys.argv[1:]:
    name, kind, *tcp = arg.split('/'); print(ask(name, int(kind), bool(tcp)))
`;

const pidOf = (name: string) => ok('inspect', '-f', '{{.State.Pid}}', name);
const addressOf = (name: string, network: string) =>
  ok('inspect', '-f', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name);
const runIn = (name: string, ...flags: string[]) =>
  ok('run', '-d', '--name', name, ...flags, 'busybox', 'sleep', '600');
/** Runs a program of the host in a container's network. */
const among = async (name: string, ...command: string[]) => {
  const result = await suite.daemon.holder.run(['nsenter', `--net=/proc/${await pidOf(name)}/ns/net`, ...command], {
    timeoutMs: 30_000,
  });
  if (result.code !== 0) throw new Error(`${command.join(' ')}: ${result.stderr}`);
  return result.stdout.trim();
};
const ask = async (name: string, ...questions: string[]) =>
  (await among(name, 'python3', '-c', RAW, ...questions)).split('\n');

async function withHostResolver<T>(work: () => Promise<T>): Promise<T> {
  const { daemon } = suite;
  const file = join(daemon.dir, 'resolver.py');
  writeFileSync(file, SERVER);
  const pid = join(daemon.dir, 'resolver.pid');
  const log = join(daemon.dir, 'resolver.log');
  await daemon.holder.run(['sh', '-c', `python3 ${file} >${log} 2>&1 & echo $! > ${pid}`]);
  try {
    await poll('the host resolver', async () => (await daemon.holder.run(['cat', log])).stdout.includes('ready'));
    return await work();
  } finally {
    await daemon.holder.run(['sh', '-c', `kill -9 $(cat ${pid})`]);
  }
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('name service', () => {
  it('knows names, aliases, short ids and links to those who share a network, whoever asks', async () => {
    await ok('network', 'create', 'sea');
    await ok('network', 'create', 'lake');
    const db = await runIn('db', '--network', 'sea', '--network-alias', 'svc', '--hostname', 'harbour');
    await runIn('db2', '--network', 'sea', '--network-alias', 'svc');
    await runIn('far', '--network', 'lake');
    await runIn('app', '--network', 'sea', '--link', 'db:store');
    const [one, two] = [await addressOf('db', 'sea'), await addressOf('db2', 'sea')];
    const pair = `0 2 ${[one, two].sort().join(' ')}`;
    expect(
      await ask('app', 'db/1', 'DB/1', 'svc/1', `${db.slice(0, 12)}/1`, 'harbour/1', 'store/1', 'db.sea/1', 'db/1/tcp'),
    ).toEqual([`0 1 ${one}`, `0 1 ${one}`, pair, ...Array<string>(5).fill(`0 1 ${one}`)]);
    // Nothing of a known name but its address; nothing of strangers; the link is only the linking container's.
    expect(await ask('app', 'db/28', 'db/15', 'db/16', '_http._tcp.db/33')).toEqual(Array<string>(4).fill('0 0'));
    expect((await ask('app', 'far/1', 'db.lake/1')).every((answer) => !answer.startsWith('0'))).toBe(true);
    expect(await ask('db', 'store/1')).not.toEqual([`0 1 ${one}`]);
    const reversed = `${one.split('.').reverse().join('.')}.in-addr.arpa/12`;
    expect(await ask('app', reversed)).toEqual([`0 1 ${Buffer.from('\x02db\x03sea\0').toString('hex')}`]);
    // Programs with resolvers of their own: busybox, and glibc with the container's resolv.conf.
    expect(await ok('exec', 'app', 'nslookup', 'db.')).toContain(one);
    const resolvConf = await ok('inspect', '-f', '{{.ResolvConfPath}}', 'app');
    const glibc = `mount --bind ${resolvConf} /etc/resolv.conf && getent ahostsv4 db && getent hosts ${one}`;
    const heard = await among('app', 'unshare', '-m', 'sh', '-c', glibc);
    expect(heard).toMatch(/STREAM +db/);
    expect(heard).toContain('db.sea');
  });

  it('shuffles the holders of a name', async () => {
    const first = `import socket; print(len({tuple(socket.gethostbyname_ex('svc')[2]) for _ in range(40)}))`;
    const resolvConf = await ok('inspect', '-f', '{{.ResolvConfPath}}', 'app');
    const glibc = `mount --bind ${resolvConf} /etc/resolv.conf && python3 -c "${first}"`;
    expect(await among('app', 'unshare', '-m', 'sh', '-c', glibc)).toBe('2');
  });

  it('leaves port 53 to the container', async () => {
    const bind = `import socket; u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('0.0.0.0', 53)); socket.create_server(('0.0.0.0', 53)); print('had')`;
    expect(await among('app', 'python3', '-c', bind)).toBe('had');
  });

  it('writes resolv.conf as dockerd does', async () => {
    expect(await ok('exec', 'app', 'cat', '/etc/resolv.conf')).toMatch(
      /^nameserver 127\.0\.0\.11\nsearch corp\.test\noptions ndots:0\n\n# Based on host file: '\/etc\/resolv\.conf' \(internal resolver\)\n# ExtServers: \[host\(127\.0\.0\.54\) host\(127\.0\.0\.53\)\]\n# Overrides: \[\]\n# Option ndots from: internal$/m,
    );
  });

  it('asks the host’s servers for the rest, passing over those that refuse, over tcp where an answer is long', async () => {
    await withHostResolver(async () => {
      expect(
        await ask(
          'app',
          'www.wharf.test/1',
          'www.wharf.test/1/tcp',
          'big.wharf.test/1',
          'big.wharf.test/1/tcp',
          'no.such/1',
        ),
      ).toEqual(['0 1 192.0.2.7', '0 1 192.0.2.7', '0 cut 1 192.0.2.7', '0 100 192.0.2.7', '3 0']);
      // Neither from an internal network, nor for a bare name where ndots was asked for.
      await ok('network', 'create', '--internal', 'pond');
      await runIn('inner', '--network', 'pond');
      const inner = await addressOf('inner', 'pond');
      expect(await ask('inner', 'inner/1', 'www.wharf.test/1')).toEqual([`0 1 ${inner}`, '2 0']);
      await runIn('dots', '--network', 'sea', '--dns-option', 'ndots:2');
      expect(await ask('dots', 'wharf/1', 'www.wharf.test/1')).toEqual(['0 0', '0 1 192.0.2.7']);
      await ok('rm', '-f', 'inner', 'dots');
      await ok('network', 'rm', 'pond');
    });
  });

  it('asks the servers of --dns from the container’s own namespace', async () => {
    await runIn('own', '--network', 'sea', '--dns', '127.0.0.53', '--dns-search', 'bay.test');
    expect(await ok('exec', 'own', 'cat', '/etc/resolv.conf')).toMatch(
      /nameserver 127\.0\.0\.11\nsearch bay\.test\n[^]*ExtServers: \[127\.0\.0\.53\]\n# Overrides: \[nameservers search\]/,
    );
    await withHostResolver(async () => expect(await ask('own', 'www.wharf.test/1')).toEqual(['2 0']));
    const served = `${SERVER}\nimport subprocess\nprint(subprocess.run([sys.executable, '-c', sys.argv[1], 'www.wharf.test/1'], capture_output=True, text=True).stdout, flush=True)\nimport os; os._exit(0)`;
    expect(await among('own', 'python3', '-c', served, RAW)).toContain('0 1 192.0.2.7');
    await ok('rm', '-f', 'own');
  });

  it('follows connect, disconnect, rename and removal', async () => {
    await runIn('late');
    expect(await ok('exec', 'late', 'cat', '/etc/resolv.conf')).not.toContain('127.0.0.11');
    await ok('network', 'connect', '--alias', 'tide', 'sea', 'late');
    const address = await addressOf('late', 'sea');
    expect(await ok('exec', 'late', 'cat', '/etc/resolv.conf')).toContain('nameserver 127.0.0.11');
    expect(await ask('late', 'db/1')).toEqual([`0 1 ${await addressOf('db', 'sea')}`]);
    expect(await ask('app', 'tide/1', 'late/1')).toEqual([`0 1 ${address}`, `0 1 ${address}`]);
    await ok('rename', 'late', 'later');
    expect(await ask('app', 'later/1', 'late/1')).toEqual([`0 1 ${address}`, '2 0']);
    await ok('network', 'disconnect', 'sea', 'later');
    expect(await ask('app', 'later/1', 'tide/1')).toEqual(['2 0', '2 0']);
    await ok('rm', '-f', 'later');
  });

  it('has addresses of both families where the network has them', async () => {
    await ok('network', 'create', '--ipv6', '--subnet', 'fd00:31::/64', 'both');
    await runIn('six', '--network', 'both', '--ip6', 'fd00:31::9', '--network-alias', 'pair');
    await runIn('seven', '--network', 'both', '--ip6', 'fd00:31::a', '--network-alias', 'pair');
    const hex = (last: string) => `fd000031${'0'.repeat(22)}${last}`;
    const v4 = await addressOf('six', 'both');
    expect(await ask('seven', 'six/28', 'six/1', 'pair/28', 'six/28/tcp')).toEqual([
      `0 1 ${hex('09')}`,
      `0 1 ${v4}`,
      `0 2 ${hex('09')} ${hex('0a')}`,
      `0 1 ${hex('09')}`,
    ]);
    const reversed = `${hex('09').split('').reverse().join('.')}.ip6.arpa/12`;
    expect(await ask('seven', reversed)).toEqual([`0 1 ${Buffer.from('\x03six\x04both\0').toString('hex')}`]);
    await ok('rm', '-f', 'six', 'seven');
    await ok('network', 'rm', 'both');
  });

  it('answers again after the daemon was killed or stopped, at the same place', async () => {
    const expected = [`0 1 ${await addressOf('db', 'sea')}`];
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      await suite.daemon.down(signal);
      await suite.daemon.up();
      expect(await ask('app', 'db/1')).toEqual(expected);
    }
  });

  it('lets a program’s resolver wait while the daemon is away, and not fail', async () => {
    const { daemon } = suite;
    const id = await ok('inspect', '-f', '{{.Id}}', 'app');
    const [results, stop] = [join(daemon.dir, 'resolved'), join(daemon.dir, 'resolved.stop')];
    // glibc asks twice, 5 s apart; more often here, since the machine may be slow.
    const loop = `
      mount --bind ${join(daemon.dataRoot, 'containers', id, 'resolv.conf')} /etc/resolv.conf
      export RES_OPTIONS=attempts:5
      while [ ! -e ${stop} ]; do
        if getent ahostsv4 db >/dev/null; then echo known; else echo failed; fi >> ${results}
        sleep 0.1
      done`;
    const looping = daemon.holder.run(
      ['nsenter', `--net=/proc/${await pidOf('app')}/ns/net`, 'unshare', '-m', 'sh', '-c', loop],
      { timeoutMs: 110_000 },
    );
    const lines = () => (existsSync(results) ? readFileSync(results, 'utf8').trim().split('\n') : []);
    const more = async () => {
      const before = lines().length;
      await poll('names to be resolved', async () => lines().length > before + 3, { timeoutMs: 60_000 });
    };
    await more();
    await daemon.down('SIGKILL');
    await daemon.up();
    await more();
    writeFileSync(stop, '');
    await looping;
    expect(new Set(lines())).toEqual(new Set(['known']));
    await suite.daemon.removeAllContainers();
    await ok('network', 'rm', 'sea', 'lake');
  });
});
