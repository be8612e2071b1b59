import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { imageRows } from './image-rows.js';
import { networkRows } from './network-rows.js';
import { startRow } from './start-row.js';
import type { Target } from './target.js';

/** One row of the table of budgets in the design. */
export interface Row {
  name: string;
  /** Ours divided by theirs. */
  budget: number;
  /** What ours may be at most, in the row's unit, whatever theirs is. */
  limit?: number;
  unit: 'ms' | 'MiB' | 'KiB';
  /** How often each side is measured. */
  rounds: number;
  /** Made before the first round on each side, taken down after the last. */
  prepare?: (target: Target) => Promise<() => Promise<void>>;
  /** One measurement in the row's unit. */
  measure: (target: Target) => Promise<number>;
}

/** Milliseconds that something takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const median = (values: number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function eightAtOnce<T>(items: T[], work: (item: T) => Promise<unknown>): Promise<void> {
  const queue = [...items];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
    }),
  );
}

const sleepers = (count: number) => async (target: Target) => {
  const ids: string[] = [];
  await eightAtOnce([...Array(count).keys()], async () => ids.push(await target.startSleeper()));
  return async () => eightAtOnce(ids, (id) => target.call('DELETE', `/containers/${id}?force=1`));
};

const created = (count: number) => async (target: Target) => {
  const ids: string[] = [];
  await eightAtOnce([...Array(count).keys()], async () => {
    const reply = await target.call('POST', '/containers/create', { Image: 'busybox', Cmd: ['true'] });
    ids.push((reply as { Id: string }).Id);
  });
  return async () => eightAtOnce(ids, (id) => target.call('DELETE', `/containers/${id}?force=1`));
};

const named =
  (name: string, ...args: string[]) =>
  async (target: Target) => {
    await target.docker(['run', '-d', '--name', name, ...args]);
    return async () => void (await target.docker(['rm', '-f', name]));
  };

/** p50 of many small calls. */
const p50 =
  (path: string, calls = 200) =>
  async (target: Target) => {
    const times: number[] = [];
    for (let call = 0; call < calls; call++) {
      times.push(
        await timed(async () => {
          const status = await target.quickGet(path);
          if (status !== 200) throw new Error(`${target.name}: ${path}: ${status}`);
        }),
      );
    }
    return median(times);
  };

const work = mkdtempSync(join(tmpdir(), 'wharf-bench-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));

/** 4,000 files, 96 MB, of bytes that neither compress away nor take long to make. */
function manyFiles(): string {
  const dir = join(work, 'many');
  const tar = join(work, 'many.tar');
  const content = Buffer.alloc(24 * 1024, 'wharf');
  for (let index = 0; index < 4000; index++) {
    const sub = join(dir, String(index % 40));
    if (index < 40) mkdirSync(sub, { recursive: true });
    content.writeUInt32LE(index, 0);
    writeFileSync(join(sub, String(index)), content);
  }
  execFileSync('tar', ['-C', dir, '-cf', tar, '.']);
  rmSync(dir, { recursive: true });
  return tar;
}
let many: string | undefined;

function bigFile(): string {
  const path = join(work, 'big');
  execFileSync('dd', ['if=/dev/urandom', `of=${path}`, 'bs=1M', 'count=200', 'status=none']);
  return path;
}
let big: string | undefined;

function tarOf(path: string): string {
  execFileSync('tar', ['-C', dirname(path), '-cf', `${path}.tar`, basename(path)]);
  return `${path}.tar`;
}
let bigTar: string | undefined;

const putArchive = (target: Target, container: string, tar: string): string =>
  `curl -sf --unix-socket ${target.socketPath} -H Expect: -T ${tar} 'http://docker/v1.51/containers/${container}/archive?path=/'`;

const shell = (target: Target, script: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const child = spawn('bash', ['-ec', script], {
      env: { ...process.env, DOCKER_HOST: `unix://${target.socketPath}` },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${target.name}: ${script}: ${code}`))));
  });

/** A single run varies by a tenth, and more when a daemon is young; the budgets ask for less than that. */
const RUNS = 25;

let port = 18000;

/** 10,000 lines of 100 bytes, printed 200 times from memory: `yes | head` takes longer to make them than we to take them. */
const PRINT_200_MB =
  'yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa |' +
  ' head -n 10000 > /dev/shm/lines; cat $(yes /dev/shm/lines | head -n 200)';

export const rows: Row[] = [
  {
    name: 'docker run --rm busybox true, default bridge',
    budget: 0.25,
    unit: 'ms',
    rounds: RUNS,
    measure: (t) => timed(() => t.docker(['run', '--rm', 'busybox', 'true'])),
  },
  {
    name: 'the same, --network none',
    budget: 0.35,
    unit: 'ms',
    rounds: RUNS,
    measure: (t) => timed(() => t.docker(['run', '--rm', '--network', 'none', 'busybox', 'true'])),
  },
  {
    name: 'the same, one port published',
    budget: 0.3,
    unit: 'ms',
    rounds: RUNS,
    measure: (t) => timed(() => t.docker(['run', '--rm', '-p', `${port++}:80`, 'busybox', 'true'])),
  },
  {
    name: 'docker exec c true',
    budget: 0.6,
    unit: 'ms',
    rounds: 9,
    prepare: named('bench-exec', 'busybox', 'sleep', '1000'),
    measure: (t) => timed(() => t.docker(['exec', 'bench-exec', 'true'])),
  },
  {
    name: 'create + start, one after another, each',
    budget: 0.3,
    unit: 'ms',
    rounds: 3,
    measure: async (t) => {
      const ids: string[] = [];
      const total = await timed(async () => {
        for (let index = 0; index < 8; index++) ids.push(await t.startSleeper());
      });
      await eightAtOnce(ids, (id) => t.call('DELETE', `/containers/${id}?force=1`));
      return total / 8;
    },
  },
  ...startAndRemoveForty(),
  { name: 'GET /_ping, p50', budget: 1.2, unit: 'ms', rounds: 3, measure: p50('/_ping', 500) },
  {
    name: 'GET /containers/json, 30 running, p50',
    budget: 0.3,
    unit: 'ms',
    rounds: 3,
    prepare: sleepers(30),
    measure: p50('/containers/json'),
  },
  {
    name: 'GET /containers/json?all=1, 1,000 created, p50',
    budget: 0.3,
    unit: 'ms',
    rounds: 3,
    prepare: created(1000),
    measure: p50('/containers/json?all=1', 20),
  },
  { name: 'GET /info, p50', budget: 0.2, unit: 'ms', rounds: 3, measure: p50('/info', 100) },
  {
    name: 'GET /containers/x/json, p50',
    budget: 1.0,
    unit: 'ms',
    rounds: 3,
    prepare: named('bench-inspect', 'busybox', 'sleep', '1000'),
    measure: p50('/containers/bench-inspect/json'),
  },
  {
    // What it has when it has come to rest; right after the starts both have some 20 MiB more.
    name: 'memory of the whole engine with 30 running (PSS)',
    budget: 0.3,
    unit: 'MiB',
    rounds: 1,
    prepare: sleepers(30),
    measure: async (t) => {
      await delay(15_000);
      return t.engineMemoryBytes() / 2 ** 20;
    },
  },
  {
    name: 'a container prints 200 MB of 100-byte lines, json-file, nobody reads',
    budget: 0.2,
    unit: 'ms',
    rounds: 3,
    measure: async (t) => {
      const id = await t.docker(['create', 'busybox', 'sh', '-c', PRINT_200_MB]);
      const took = await timed(async () => {
        await t.docker(['start', id]);
        await t.docker(['wait', id]);
      });
      await t.docker(['rm', id]);
      return took;
    },
  },
  {
    name: 'docker logs of those 200 MB',
    budget: 0.3,
    unit: 'ms',
    rounds: 2,
    prepare: async (t) => {
      await t.docker(['run', '--name', 'bench-logs', '-d', 'busybox', 'sh', '-c', PRINT_200_MB]);
      await t.docker(['wait', 'bench-logs']);
      return async () => void (await t.docker(['rm', '-f', 'bench-logs']));
    },
    measure: (t) => timed(() => shell(t, 'docker logs bench-logs')),
  },
  {
    name: '1 GB through attach (run, log driver none)',
    budget: 0.7,
    unit: 'ms',
    rounds: 3,
    measure: (t) =>
      timed(() => shell(t, 'docker run --rm --log-driver none busybox dd if=/dev/zero bs=64k count=16384 2>/dev/null')),
  },
  {
    name: 'docker cp of 200 MB into a container',
    budget: 0.9,
    unit: 'ms',
    rounds: 9,
    prepare: (t) => {
      big ??= bigFile();
      return named('bench-cp', 'busybox', 'sleep', '1000')(t);
    },
    measure: (t) => timed(() => t.docker(['cp', '-q', big!, 'bench-cp:/big'])),
  },
  {
    // the CLI takes as long to send the 200 MB to a server that throws them away
    name: 'the same through the API, from curl',
    budget: 0.9,
    unit: 'ms',
    rounds: 9,
    prepare: (t) => {
      bigTar ??= tarOf((big ??= bigFile()));
      return named('bench-cp', 'busybox', 'sleep', '1000')(t);
    },
    measure: (t) => timed(() => shell(t, putArchive(t, 'bench-cp', bigTar!))),
  },
  {
    name: 'docker import, 4,000 files, 96 MB',
    budget: 0.6,
    unit: 'ms',
    rounds: 3,
    measure: async (t) => {
      many ??= manyFiles();
      const took = await timed(() => t.docker(['import', many!, 'bench-import:1']));
      await t.docker(['rmi', 'bench-import:1']);
      return took;
    },
  },
  {
    name: 'docker save then docker load of that',
    budget: 0.6,
    unit: 'ms',
    rounds: 2,
    measure: async (t) => {
      await t.docker(['import', (many ??= manyFiles()), 'bench-save:1']);
      const file = join(work, `${t.name}.tar`);
      const saving = await timed(() => t.docker(['save', '-o', file, 'bench-save:1']));
      await t.docker(['rmi', 'bench-save:1']);
      const loading = await timed(() => t.docker(['load', '-q', '-i', file]));
      await t.docker(['rmi', 'bench-save:1']);
      return saving + loading;
    },
  },
  pullImportAndFlood(),
  ...imageRows(),
  ...classicBuilds(),
  ...networkRows(),
  startRow,
];

/** What a list takes at worst while a client pulls, another imports, and a container floods its log. */
function pullImportAndFlood(): Row {
  const address = '127.0.0.1:5077';
  const image = `${address}/bench-pull:1`;
  return {
    name: 'GET /containers/json, p99, during a pull, an import and a flood of logs',
    budget: 0.3,
    unit: 'ms',
    rounds: 3,
    prepare: async (t) => {
      const directory = join(work, `registry-${t.name}`);
      mkdirSync(directory);
      const config = join(directory, 'config.yml');
      const storage = `storage: {filesystem: {rootdirectory: ${directory}/data}}`;
      writeFileSync(config, `version: 0.1\nlog: {level: error}\n${storage}\nhttp: {addr: "${address}"}\n`);
      const registry = t.spawnBeside('docker-registry', ['serve', config]);
      big ??= bigFile();
      execFileSync('tar', ['-C', work, '-cf', join(work, 'big.tar'), 'big']);
      await t.docker(['import', join(work, 'big.tar'), image]);
      await t.docker(['push', '-q', image]);
      await t.docker(['rmi', image]);
      return async () => void registry.kill();
    },
    measure: async (t) => {
      // Only now: what floods here would slow the other side down too.
      const flood = ['--log-opt', 'max-size=10m', '--log-opt', 'max-file=2', 'busybox', 'sh', '-c'];
      await t.docker(['run', '-d', '--name', 'bench-flood', ...flood, `while :; do ${PRINT_200_MB}; done`]);
      let busy = true;
      const both = Promise.all([
        t.docker(['pull', '-q', image]),
        t.docker(['import', (many ??= manyFiles()), 'bench-during:1']),
      ]).finally(() => (busy = false));
      const times: number[] = [];
      while (busy) {
        times.push(await timed(() => t.quickGet('/containers/json')));
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
      await both;
      await t.docker(['rm', '-f', 'bench-flood']);
      await t.docker(['rmi', image, 'bench-during:1']);
      return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? NaN;
    },
  };
}

/** Starting forty and removing them are one scene and two rows. */
function startAndRemoveForty(): Row[] {
  const removals = new Map<Target, number[]>();
  return [
    {
      name: 'create + start of 40, 8 at once, each',
      budget: 0.4,
      unit: 'ms',
      rounds: 7,
      measure: async (t) => {
        const ids: string[] = [];
        const starting = await timed(() =>
          eightAtOnce([...Array(40).keys()], async () => ids.push(await t.startSleeper())),
        );
        const removing = await timed(() => eightAtOnce(ids, (id) => t.call('DELETE', `/containers/${id}?force=1`)));
        removals.set(t, [...(removals.get(t) ?? []), removing / 40]);
        return starting / 40;
      },
    },
    {
      name: 'rm -f of 40 running, 8 at once, each',
      budget: 0.4,
      unit: 'ms',
      rounds: 1,
      measure: async (t) => median(removals.get(t) ?? [NaN]),
    },
  ];
}

function classicBuilds(): Row[] {
  const build = (t: Target, ...args: string[]): Promise<string> => {
    const dockerfile = [
      'FROM busybox',
      ...Array.from({ length: 11 }, (_, index) =>
        index % 2 ? `RUN echo ${index} > /f${index}` : `ENV E${index}=${index}`,
      ),
    ].join('\n');
    return t.docker(['build', '-q', ...args, '-t', 'bench-build', '-'], {
      input: dockerfile,
      env: { DOCKER_BUILDKIT: '0' },
    });
  };
  return [
    {
      name: 'classic build, 12 steps, nothing cached',
      budget: 0.4,
      unit: 'ms',
      rounds: 2,
      measure: (t) => timed(() => build(t, '--no-cache')),
    },
    {
      name: 'classic build, 12 steps, all cached',
      budget: 1,
      unit: 'ms',
      rounds: 3,
      prepare: async (t) => {
        await build(t);
        return async () => void (await t.docker(['rmi', '-f', 'bench-build']));
      },
      measure: (t) => timed(() => build(t)),
    },
  ];
}
