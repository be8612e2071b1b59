import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxTar } from '../support/busybox-image.js';
import type { CommandResult } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { LocalRegistry } from '../support/local-registry.js';
import { OciLayout } from '../support/oci-layout.js';
import { cliPath } from '../support/paths.js';
import { dockerArchive, noise, skopeoPush, tarOf } from '../support/test-images.js';

const suite = daemonSuite();
/** How often each operation is killed. CI asks for 20. */
const ROUNDS = Number(process.env['WHARF_TEST_ROUNDS'] ?? 4);

interface Operation {
  name: string;
  /** What has to be there before. */
  prepare?: () => Promise<void>;
  /** Whether the daemon said that it was done. */
  run: () => Promise<boolean>;
  /** Whether all of what it makes is there. */
  isDone: () => Promise<boolean>;
  /** Takes back what it makes. */
  undo: () => Promise<void>;
}

/** `wharfd --check` of the suite's data-root. */
async function check(): Promise<CommandResult> {
  const { daemon } = suite;
  const flags = ['--check', '--data-root', daemon.dataRoot, '--config-file', join(daemon.dir, 'daemon.json')];
  return daemon.holder.run([process.execPath, cliPath, ...flags]);
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('kill -9 of the daemon', () => {
  const docker = (...args: string[]) => suite.daemon.docker(args);
  /** Whether a request ended well; one that is cut off did not. */
  const request = async (method: string, path: string, body?: Buffer): Promise<boolean> => {
    const headers: Record<string, string> = body ? { 'Content-Type': 'application/x-tar' } : {};
    try {
      const reply = await suite.daemon.api.call(method, path, body, headers);
      return reply.status < 300 && !reply.text.includes('"error"');
    } catch {
      return false; // killed in the middle of it
    }
  };
  const has = async (image: string): Promise<boolean> =>
    (await suite.daemon.api.get(`/images/${image}/json`)).status === 200;
  const removed = async (image: string): Promise<void> => {
    await suite.daemon.api.delete(`/images/${image}?force=1`);
  };
  const PULLED = '127.0.0.1:5000/team/app:1';
  let registry: LocalRegistry;
  let archive: Buffer;
  /** An image with what belongs to its index. */
  let indexArchive: Buffer;

  beforeAll(async () => {
    const files = (layer: number) =>
      Object.fromEntries([0, 1, 2, 3].map((file) => [`d${layer}/${file}`, noise(`${layer} ${file}`, 400_000)]));
    const layers = [busyboxTar(), await tarOf(files(1)), await tarOf(files(2)), await tarOf(files(3))];
    archive = await dockerArchive(layers, ['loaded:1']);
    const layout = new OciLayout();
    const own = layout.image(process.arch === 'x64' ? 'amd64' : process.arch, layers);
    const other = layout.image('s390x', [await tarOf(files(4))]);
    layout.add(layout.index([own, other, layout.attestation(own)]), 'docker.io/library/loaded:1');
    indexArchive = await layout.tar();
    registry = await LocalRegistry.start(suite.daemon);
    await skopeoPush(suite.daemon, archive, PULLED);
  });
  afterAll(() => registry?.[Symbol.asyncDispose]());

  const operations: Operation[] = [
    {
      name: 'pull',
      run: () => request('POST', `/images/create?fromImage=${encodeURIComponent(PULLED)}`),
      isDone: () => has(PULLED),
      undo: () => removed(PULLED),
    },
    {
      name: 'load',
      run: () => request('POST', '/images/load', indexArchive),
      isDone: () => has('loaded:1'),
      undo: () => removed('loaded:1'),
    },
    {
      name: 'import',
      run: () => request('POST', '/images/create?fromSrc=-&repo=imported&tag=1', archive),
      isDone: () => has('imported:1'),
      undo: () => removed('imported:1'),
    },
    {
      name: 'commit',
      prepare: async () => {
        if ((await suite.daemon.api.get('/containers/changed/json')).status === 200) return;
        const script = 'for i in 1 2 3 4 5 6 7 8; do cp -r /bin /bin$i; done';
        const made = await docker('run', '--name', 'changed', '--network', 'none', 'busybox', 'sh', '-c', script);
        expect(made.code, made.stderr).toBe(0);
      },
      run: () => request('POST', '/commit?container=changed&repo=committed&tag=1'),
      isDone: () => has('committed:1'),
      undo: () => removed('committed:1'),
    },
    {
      name: 'rmi',
      prepare: async () => {
        if (!(await has('loaded:1'))) expect(await request('POST', '/images/load', indexArchive)).toBe(true);
      },
      run: () => request('DELETE', '/images/loaded:1'),
      isDone: async () => !(await has('loaded:1')),
      undo: async () => undefined,
    },
  ];

  it.each(operations)(
    'while in a $name, leaves a consistent store, and it can be done again',
    async (operation) => {
      const { daemon } = suite;
      await operation.prepare?.();
      const begun = performance.now();
      expect(await operation.run()).toBe(true);
      const tookMs = performance.now() - begun;
      for (let round = 0; round < ROUNDS; round++) {
        await operation.undo();
        await operation.prepare?.();
        const running = operation.run();
        // At random, but spread over what it took, so that each of its steps gets its turn.
        await new Promise((resolve) => setTimeout(resolve, ((round + Math.random()) / ROUNDS) * tookMs));
        await daemon.down('SIGKILL');
        const wasDone = await running;
        const found = await check();
        expect(found.stdout, found.stderr).not.toContain('fault');
        expect(found.code).toBe(0);
        await daemon.up();
        const isDone = await operation.isDone();
        if (wasDone) expect(isDone).toBe(true);
        if (!isDone) expect(await operation.run()).toBe(true);
        expect(await operation.isDone()).toBe(true);
      }
      await operation.undo();
    },
    300_000,
  );

  it('leaves nothing behind once all is removed', async () => {
    const { daemon } = suite;
    await docker('rm', '-f', 'changed');
    await daemon.down();
    await daemon.up();
    await docker('image', 'prune', '-f');
    await daemon.down();
    const found = await check();
    expect(found.stdout).toMatch(
      /^(leftover: unfinished [^\n]*\n)*1 images, 1 layers, 1 blobs .*\n.* is consistent\n$/,
    );
    await daemon.up();
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('wharfd --check', () => {
  it('refuses a data-root that is in use, or none', async () => {
    const busy = await check();
    expect([busy.code, busy.stdout]).toEqual([1, expect.stringContaining('is in use by another wharfd')]);
  });

  it('finds what was changed', async () => {
    const { daemon } = suite;
    await daemon.down();
    const tamper = (script: string) => daemon.holder.run(['bash', '-ec', `cd ${daemon.dataRoot}; ${script}`]);
    const blob = (await tamper('ls content/blobs/sha256 | head -1')).stdout.trim();
    const layer = (await tamper('cd overlay2; dirname */layer.json | head -1')).stdout.trim();
    await tamper(`printf x >> content/blobs/sha256/${blob}; echo new > overlay2/${layer}/diff/new; rm overlay2/l/*`);
    const found = await check();
    expect(found.code).toBe(1);
    expect(found.stdout).toContain(`fault: blob sha256:${blob} has the digest sha256:`);
    expect(found.stdout).toMatch(/fault: layer \w+: its files have \d+ bytes, not \d+/);
    expect(found.stdout).toMatch(/fault: layer \w+: its link \w+ is missing/);
    await tamper(
      `truncate -s -1 content/blobs/sha256/${blob}; rm overlay2/${layer}/diff/new content/blobs/sha256/${blob}`,
    );
    expect((await check()).stdout).toContain(`fault: blob sha256:${blob} of layer`);
    await daemon.up();
  });
});
