import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { poll } from '../support/poll.js';
import { dockerArchive, tarOf } from '../support/test-images.js';
import type { Row } from './rows.js';
import type { Target } from './target.js';

const LAYERS = 8;
const FILES_PER_LAYER = 2500;
const FILE_BYTES = 20 * 1024;
const REF = '127.0.0.1:5055/bench/app:1';

let made: { dir: string; archive: string; data: string } | undefined;

/** 8 layers, 400 MB, 20,000 files that compress to about half, as an archive and in a registry's storage. */
async function image(): Promise<{ dir: string; archive: string; data: string }> {
  if (made) return made;
  const dir = mkdtempSync(join(tmpdir(), 'wharf-bench-images-'));
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  const layers: Buffer[] = [];
  for (let layer = 0; layer < LAYERS; layer++) {
    const files = Array.from({ length: FILES_PER_LAYER }, (_, file) => {
      const content = Buffer.alloc(FILE_BYTES, `${layer} ${file} `);
      randomBytes(FILE_BYTES / 2).copy(content);
      return [`layer${layer}/${file % 50}/${file}`, content] as const;
    });
    layers.push(await tarOf(Object.fromEntries(files)));
  }
  const archive = join(dir, 'app.tar');
  writeFileSync(archive, await dockerArchive(layers, [REF]));
  const data = join(dir, 'data');
  const registry = await serve(data, []);
  execFileSync('skopeo', [
    ...['copy', '-q', '--insecure-policy', '--dest-tls-verify=false'],
    ...[`docker-archive:${archive}`, `docker://${REF}`],
  ]);
  await registry();
  return (made = { dir, archive, data });
}

/** Debian's docker-registry on that storage, entered by the words of `enter`; call what it gives to end it. */
async function serve(data: string, enter: string[]): Promise<() => Promise<void>> {
  mkdirSync(data, { recursive: true });
  const config = `${data}.yml`;
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${data}}}\nhttp: {addr: "127.0.0.1:5055"}\n`,
  );
  const [program = '', ...args] = [...enter, 'docker-registry', 'serve', config];
  const child = spawn(program, args, { stdio: 'ignore' });
  const [curl = '', ...ask] = [...enter, 'curl', '-sf', '-o', '/dev/null', 'http://127.0.0.1:5055/v2/'];
  await poll('the registry', () => {
    try {
      execFileSync(curl, ask);
      return true;
    } catch {
      return false;
    }
  });
  return async () => {
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill();
    await gone;
  };
}

const inside = (target: Target): string[] => ['nsenter', '--net', '-t', target.daemonPid(), '--'];
const withRegistry = async (target: Target): Promise<() => Promise<void>> =>
  serve((await image()).data, inside(target));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Pulls once, watched every now and then; gives what `watch` gave. */
async function during(target: Target, watch: () => Promise<number>): Promise<number[]> {
  const pulling = { over: false };
  const pull = target.docker(['pull', '-q', REF]).finally(() => (pulling.over = true));
  const seen: number[] = [];
  while (!pulling.over) seen.push(await watch());
  await pull;
  await target.docker(['rmi', REF]);
  return seen;
}

/** Budgets of images; the registry runs in the network namespace of the daemon that is measured. */
export function imageRows(): Row[] {
  const removals = new Map<Target, number[]>();
  return [
    {
      name: 'pull of 8 layers, 400 MB, 20,000 files',
      budget: 0.6,
      unit: 'ms',
      rounds: 3,
      prepare: withRegistry,
      measure: async (t) => {
        const took = await timed(() => t.docker(['pull', '-q', REF]));
        removals.set(t, [...(removals.get(t) ?? []), await timed(() => t.docker(['rmi', REF]))]);
        return took;
      },
    },
    {
      name: 'rmi after that pull',
      budget: 0.5,
      unit: 'ms',
      rounds: 1,
      measure: async (t) => {
        const times = [...(removals.get(t) ?? [NaN])].sort((a, b) => a - b);
        return times[Math.floor(times.length / 2)]!;
      },
    },
    {
      name: 'push of that, loaded',
      budget: 0.8,
      unit: 'ms',
      rounds: 2,
      measure: async (t) => {
        const { dir, archive } = await image();
        const data = join(dir, `pushed-${t.name}`);
        rmSync(data, { recursive: true, force: true });
        await t.docker(['load', '-q', '-i', archive]);
        const stop = await serve(data, inside(t));
        try {
          return await timed(() => t.docker(['push', '-q', REF]));
        } finally {
          await stop();
          await t.docker(['rmi', REF]);
        }
      },
    },
    {
      name: 'save then load of that',
      budget: 0.6,
      unit: 'ms',
      rounds: 2,
      measure: async (t) => {
        const { dir, archive } = await image();
        const file = join(dir, `${t.name}.tar`);
        await t.docker(['load', '-q', '-i', archive]);
        const saving = await timed(() => t.docker(['save', '-o', file, REF]));
        await t.docker(['rmi', REF]);
        const loading = await timed(() => t.docker(['load', '-q', '-i', file]));
        await t.docker(['rmi', REF]);
        rmSync(file);
        return saving + loading;
      },
    },
    {
      name: 'peak memory of the engine in that pull (PSS)',
      budget: 1,
      unit: 'MiB',
      rounds: 1,
      prepare: withRegistry,
      measure: async (t) => {
        const seen = await during(t, async () => {
          await new Promise((resolve) => setTimeout(resolve, 100));
          return t.engineMemoryBytes();
        });
        return Math.max(...seen) / 2 ** 20;
      },
    },
    {
      name: 'GET /containers/json during that pull, p99',
      budget: 1,
      unit: 'ms',
      rounds: 2,
      prepare: withRegistry,
      measure: async (t) => {
        const seen = await during(t, async () => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          return timed(() => t.quickGet('/containers/json'));
        });
        return seen.sort((a, b) => a - b)[Math.floor(seen.length * 0.99)]!;
      },
    },
  ];
}
