import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { runOk } from '../support/command.js';
import type { Row } from './rows.js';
import type { Target } from './target.js';

/**
 * Sends 512 MiB to whoever connects to port 80, and takes and closes connections at port 81. The bytes go from a file in memory by
 * sendfile(2), so that no copy into the kernel hides what the way costs.
 */
const SERVER = `
import os, socket, threading
def listen(port, work):
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('0.0.0.0', port)); s.listen(4096)
    def loop():
        while True: work(s.accept()[0])
    threading.Thread(target=loop).start()
size = 4 << 20
block = os.memfd_create('block'); os.pwrite(block, b'x' * size, 0)
def pour(c):
    try:
        for _ in range((512 << 20) // size):
            at = 0
            while at < size: at += os.sendfile(c.fileno(), block, at, size - at)
    except OSError: pass
    c.close()
listen(80, lambda c: threading.Thread(target=pour, args=(c,)).start())
listen(81, lambda c: c.close())
print('ready', flush=True)
`;
/**
 * Milliseconds that it takes to take it all, dropped in the kernel (MSG_TRUNC) and counted, or to connect that many times; or, of as many
 * as are to do it at once, on average.
 */
const CLIENT = `
import socket, sys, threading, time
host, port, count, size, at_once = sys.argv[1], *map(int, sys.argv[2:6])
clock, got = time.perf_counter, []
def take():
    buffer, bytes = bytearray(1 << 20), 0
    for _ in range(count):
        s = socket.socket(); s.connect((host, port))
        while True:
            n = s.recv_into(buffer, 1 << 20, socket.MSG_TRUNC)
            if n == 0: break
            bytes += n
        s.close()
    got.append(bytes)
begun = clock()
callers = [threading.Thread(target=take) for _ in range(at_once)]
for caller in callers: caller.start()
for caller in callers: caller.join()
took = (clock() - begun) * 1000
if got != [size] * at_once: raise SystemExit('%s bytes' % got)
print(took / at_once)
`;
/**
 * Asks 30,000 times for a name, 32 at once; milliseconds for all, and what the slowest 1 % took at least. The questions are made before and
 * the answers only looked at in two bytes: a client that does more by question is what is measured then, and not the service.
 */
const ASK = `
import socket, struct, sys, time
name = b''.join(bytes([len(l)]) + l.encode() for l in sys.argv[1].split('.')) + b'\\0'
tail = struct.pack('>HHHHH', 0x100, 1, 0, 0, 0) + name + struct.pack('>HH', 1, 1)
total, at, took, wrong = 30000, [], [], 0
questions = [struct.pack('>H', id) + tail for id in range(total)]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('127.0.0.11', 53))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack('ll', 5, 0))
clock, send, recv = time.perf_counter, s.send, s.recv
begun = clock()
for id in range(32): at.append(clock()); send(questions[id])
for id in range(32, total + 32):
    answer = recv(512); now = clock()
    took.append(now - at[answer[0] << 8 | answer[1]])
    wrong += answer[3] & 15 != 0 or answer[7] != 1
    if id < total: at.append(now); send(questions[id])
all = clock() - begun
if wrong: raise SystemExit('no answer')
print(all * 1000, sorted(took)[int(total * 0.99)] * 1000)
`;
const BYTES = String(512 << 20);
const PORTS = '18990:80';
const CONNECTIONS = 3000;
/** Each takes a tenth of a second, of which the scheduler may take as much again. */
const ROUNDS = 15;

/** Words that put a program into the network namespace of a process. */
const within = (pid: string | number): string[] => ['nsenter', `--net=/proc/${pid}/ns/net`];

async function python(pid: string | number, script: string, ...args: string[]): Promise<number[]> {
  const [program = '', ...words] = [...within(pid), 'python3', '-c', script, ...args];
  return (await runOk(program, words, { timeoutMs: 120_000 })).trim().split(' ').map(Number);
}

/** A container whose ports 80 and 81 are published at 18990 and 18991 and served, and another host, 10.98.0.2, beside the engine's, 10.98.0.1. */
async function twoHosts(t: Target): Promise<{ neighbour: number; end: () => Promise<void> }> {
  await t.docker(['run', '-d', '--name', 'bench-served', '-p', PORTS, '-p', '18991:81', 'busybox', 'sleep', '1000']);
  const server = await serving(await t.docker(['inspect', '-f', '{{.State.Pid}}', 'bench-served']));
  const holder = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await firstLine(holder);
  const [neighbour, engine] = [holder.pid!, t.daemonPid()];
  const ip = (pid: string | number, ...args: string[]): Buffer =>
    execFileSync('nsenter', [...within(pid).slice(1), 'ip', ...args]);
  ip(engine, 'link', 'add', 'bench0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(neighbour));
  for (const [pid, link, address] of [
    [engine, 'bench0', '10.98.0.1/24'],
    [neighbour, 'eth0', '10.98.0.2/24'],
  ] as const) {
    ip(pid, 'addr', 'add', address, 'dev', link);
    ip(pid, 'link', 'set', link, 'up');
  }
  return {
    neighbour,
    end: async () => {
      for (const child of [server, holder]) child.kill('SIGKILL');
      await t.docker(['rm', '-f', 'bench-served']);
    },
  };
}

async function serving(pid: string): Promise<ChildProcess> {
  const [program = '', ...args] = [...within(pid), 'python3', '-c', SERVER];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  await firstLine(child);
  return child;
}

async function firstLine(child: ChildProcess): Promise<void> {
  for await (const _ of createInterface({ input: child.stdout! })) return;
  throw new Error('a helper of the benchmark ended at once');
}

/** One scene, four rows: what a port is measured by. */
function publishedPort(): Row[] {
  const scenes = new Map<Target, Awaited<ReturnType<typeof twoHosts>>>();
  const prepare = async (t: Target): Promise<() => Promise<void>> => {
    const scene = await twoHosts(t);
    scenes.set(t, scene);
    return scene.end;
  };
  const from = (t: Target): number => scenes.get(t)!.neighbour;
  const first = async (values: Promise<number[]>): Promise<number> => (await values)[0]!;
  return [
    {
      name: '512 MiB through a published port, from another host',
      budget: 1,
      unit: 'ms',
      rounds: ROUNDS,
      prepare,
      measure: (t) => first(python(from(t), CLIENT, '10.98.0.1', '18990', '1', BYTES, '1')),
    },
    {
      name: 'the same, from 127.0.0.1',
      budget: 0.5,
      unit: 'ms',
      rounds: ROUNDS,
      prepare,
      measure: (t) => first(python(t.daemonPid(), CLIENT, '127.0.0.1', '18990', '1', BYTES, '1')),
    },
    {
      name: 'the same, from 127.0.0.1, four at once, each',
      budget: 0.5,
      unit: 'ms',
      rounds: ROUNDS,
      prepare,
      measure: (t) => first(python(t.daemonPid(), CLIENT, '127.0.0.1', '18990', '1', BYTES, '4')),
    },
    {
      name: `${CONNECTIONS} connections through a published port, from another host`,
      budget: 1,
      unit: 'ms',
      rounds: ROUNDS,
      prepare,
      measure: (t) => first(python(from(t), CLIENT, '10.98.0.1', '18991', String(CONNECTIONS), '0', '1')),
    },
  ];
}

function names(): Row[] {
  const slowest = new Map<Target, number[]>();
  const ask = async (t: Target): Promise<number> => {
    const pid = await t.docker(['inspect', '-f', '{{.State.Pid}}', 'bench-names']);
    const [total = NaN, p99 = NaN] = await python(pid, ASK, 'bench-names');
    slowest.set(t, [...(slowest.get(t) ?? []), p99]);
    return total;
  };
  return [
    {
      name: '30,000 answers of the name service, 32 at once',
      budget: 1,
      unit: 'ms',
      rounds: ROUNDS,
      prepare: async (t) => {
        await t.docker(['network', 'create', 'bench-names']);
        await t.docker(['run', '-d', '--name', 'bench-names', '--network', 'bench-names', 'busybox', 'sleep', '1000']);
        return async () => {
          await t.docker(['rm', '-f', 'bench-names']);
          await t.docker(['network', 'rm', 'bench-names']);
        };
      },
      measure: ask,
    },
    {
      name: 'of those, p99',
      budget: 1,
      limit: 2,
      unit: 'ms',
      rounds: 1,
      measure: async (t) => [...(slowest.get(t) ?? [NaN])].sort((a, b) => a - b)[ROUNDS >> 1] ?? NaN,
    },
  ];
}

/** The difference of a container with many ports and one without, when both have come to rest. */
const memoryPerPort: Row = {
  name: 'memory of the engine per published port (PSS)',
  budget: 1,
  limit: 10,
  unit: 'KiB',
  rounds: 1,
  measure: async (t) => {
    // Two processes each with dockerd.
    const count = t.name === 'ours' ? 1000 : 100;
    const rest = async (...flags: string[]): Promise<number> => {
      await t.docker(['run', '-d', '--name', 'bench-ports', ...flags, 'busybox', 'sleep', '1000']);
      await delay(15_000);
      const bytes = t.engineMemoryBytes();
      await t.docker(['rm', '-f', 'bench-ports']);
      return bytes;
    };
    // Once before: what is allocated for good by the first is not the ports'.
    const range = `21000-${20_999 + count}`;
    await rest('-p', `${range}:${range}`);
    const without = await rest();
    return ((await rest('-p', `${range}:${range}`)) - without) / count / 1024;
  },
};

const startPart: Row = {
  name: 'network part of a start: default bridge less none',
  budget: 1,
  limit: 5,
  unit: 'ms',
  rounds: 5,
  measure: async (t) => {
    const times = new Map<string, number[]>([
      ['bridge', []],
      ['none', []],
    ]);
    for (let round = 0; round < 8; round++) {
      // What the one before leaves to be done must not always hit the same.
      for (const [NetworkMode, list] of round % 2 === 0 ? [...times] : [...times].reverse()) {
        const { Id } = await t.call('POST', '/containers/create', {
          Image: 'busybox',
          Cmd: ['sleep', '1000'],
          HostConfig: { NetworkMode },
        });
        const begun = performance.now();
        await t.call('POST', `/containers/${Id}/start`);
        list.push(performance.now() - begun);
        await t.call('DELETE', `/containers/${Id}?force=1`);
      }
    }
    const [bridge = NaN, none = NaN] = [...times.values()].map((list) => list.sort((a, b) => a - b)[4]);
    return bridge - none;
  },
};

const createAndRemove: Row = {
  name: 'network create, then rm',
  budget: 0.3,
  unit: 'ms',
  rounds: 10,
  measure: async (t) => {
    const begun = performance.now();
    await t.call('POST', '/networks/create', { Name: 'bench-network' });
    await t.call('DELETE', '/networks/bench-network');
    return performance.now() - begun;
  },
};

/** The budgets of networks. */
export function networkRows(): Row[] {
  return [createAndRemove, startPart, ...publishedPort(), ...names(), memoryPerPort];
}
