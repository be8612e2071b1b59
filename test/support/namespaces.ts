import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAddress } from '../../src/host/netlink/addresses.js';
import { createVeth, findLink, setLink } from '../../src/host/netlink/links.js';
import { openRouteSocket } from '../../src/host/netlink/route-socket.js';
import { addRoute } from '../../src/host/netlink/routes.js';
import { createNetns, removeNetns, unshareNetwork } from '../../src/host/sys/namespaces.js';

const SERVER = `
import socket, sys, threading
def tcp(s):
    while True:
        c, peer = s.accept(); c.sendall((sys.argv[1] + ' ' + peer[0]).encode()); c.close()
def udp(s):
    while True:
        _, peer = s.recvfrom(100); s.sendto((sys.argv[1] + ' ' + peer[0]).encode(), peer)
for spec in sys.argv[2:]:
    proto, port = spec.split('/')
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM if proto == 'tcp' else socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    s.bind(('::', int(port)))
    if proto == 'tcp': s.listen()
    threading.Thread(target=tcp if proto == 'tcp' else udp, args=(s,), daemon=True).start()
print('ready', flush=True)
sys.stdin.read()
`;
const CLIENT = `
import socket, sys
proto, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ':' in host else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if proto == 'tcp' else socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[4]))
try:
    s.connect((host, port))
    if proto == 'udp': s.send(b'x')
    print(s.recv(100).decode().replace('::ffff:', ''), end='')
except ConnectionRefusedError: print('refused', end='')
except OSError: print('nothing', end='')
`;

const inside = (netns: string | null, command: string[]): string[] =>
  netns === null ? command : ['nsenter', `--net=${netns}`, ...command];

/** A little world: this process's own network as the host, and namespaces for others. Dispose of it when done. */
export class TestNetworks implements AsyncDisposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'wharf-net-'));
  private readonly names: string[] = [];
  private readonly servers: ChildProcess[] = [];

  /** Call it once per process, before anything touches the network: the host is a fresh namespace with lo up. */
  static playHost(): void {
    unshareNetwork();
    using socket = openRouteSocket();
    socket.request(setLink(1, { up: true }));
  }

  namespace(name: string): string {
    const path = join(this.dir, name);
    createNetns(path);
    this.names.push(path);
    using socket = openRouteSocket(path);
    socket.request(setLink(1, { up: true }));
    return path;
  }

  /** Another machine on the host's own link `uplink`: the host is 192.0.2.1, the neighbour 192.0.2.2. */
  neighbour(): string {
    const netns = this.namespace('neighbour');
    using host = openRouteSocket();
    using there = openRouteSocket(netns);
    const netnsFd = openSync(netns, 'r');
    const peer = { name: 'eth0', macAddress: '02:00:00:00:00:02', netnsFd, index: 2 };
    host.request(createVeth({ name: 'uplink', mtu: 1500, master: 0, peer }));
    closeSync(netnsFd);
    const uplink = findLink(host, 'uplink');
    if (!uplink) throw new Error('no uplink');
    host.request(addAddress({ link: uplink.index, address: '192.0.2.1', prefixLength: 24 }));
    there.request(
      setLink(2, { up: true }),
      addAddress({ link: 2, address: '192.0.2.2', prefixLength: 24 }),
      addRoute({ destination: null, gateway: '192.0.2.1', link: 2 }),
    );
    return netns;
  }

  /** Answers on ports (`tcp/80`) with `<name> <address of the caller>`; null: on the host. */
  async serve(netns: string | null, name: string, ...ports: string[]): Promise<ChildProcess> {
    const [command = '', ...args] = inside(netns, ['python3', '-c', SERVER, name, ...ports]);
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.servers.push(child);
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`server ended with ${code}`)));
    });
    return child;
  }

  /** What a caller hears: the server's answer, `refused`, or `nothing` when there is no answer or no way. */
  async dial(netns: string | null, proto: 'tcp' | 'udp', host: string, port: number, timeoutSec = 1): Promise<string> {
    const [command = '', ...args] = inside(netns, [
      'python3',
      '-c',
      CLIENT,
      proto,
      host,
      String(port),
      String(timeoutSec),
    ]);
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let answer = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (answer += text));
    await new Promise((resolve) => child.once('close', resolve));
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.servers.map(async (child) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGKILL');
        await ended;
      }),
    );
    for (const path of this.names) removeNetns(path);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
