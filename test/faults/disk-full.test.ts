import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { LocalRegistry } from '../support/local-registry.js';
import { poll } from '../support/poll.js';
import { dockerArchive, noise, skopeoPush, tarOf } from '../support/test-images.js';

const suite = daemonSuite({ dataRootMount: '-t tmpfs -o size=24m' });

/** The data-root is a mount of the daemon's own namespace: look at it through the holder. */
const seen = (path: string): string => join('/proc', String(suite.daemon.holder.pid), 'root', path);

describe.skipIf(process.env['WHARF_TEST_TARGET'])('a full disk', () => {
  it('fails an import with a clear error and keeps nothing of it', async () => {
    const { daemon } = suite;
    const before = await runOk('du', ['-s', seen(daemon.dataRoot)]);
    const result = await daemon.docker(['import', '-', 'big:1'], {
      input: await tarOfRandom(40),
    });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain('no space left on device');
    expect((await daemon.docker(['image', 'inspect', 'big:1'])).code).not.toBe(0);
    const after = await runOk('du', ['-s', seen(daemon.dataRoot)]);
    expect(Math.abs(parseInt(after) - parseInt(before))).toBeLessThan(1024);
    const ingest = seen(join(daemon.dataRoot, 'content/ingest'));
    expect(existsSync(ingest) ? readdirSync(ingest) : []).toEqual([]);
  });

  /** Whether an operation that failed left nothing: as many bytes, blobs and layers as before. */
  const traces = async (): Promise<{ kilobytes: number; files: string[] }> => {
    const { daemon } = suite;
    const list = (path: string): string[] => {
      const full = seen(join(daemon.dataRoot, path));
      return existsSync(full) ? readdirSync(full).map((name) => `${path}/${name}`) : [];
    };
    const kilobytes = parseInt(await runOk('du', ['-s', seen(daemon.dataRoot)]));
    return {
      kilobytes,
      files: ['content/ingest', 'content/blobs/sha256', 'overlay2', 'overlay2/l'].flatMap(list).sort(),
    };
  };
  /** Files of removed layers go after the answer. */
  const unchanged = async (before: Awaited<ReturnType<typeof traces>>): Promise<void> => {
    let after = before;
    await poll('everything of it to be gone', async () => {
      after = await traces();
      return after.files.join() === before.files.join() && Math.abs(after.kilobytes - before.kilobytes) < 1024;
    }).catch(() => expect(after).toEqual(before));
  };

  it('fails a load in which it runs out with a clear error and keeps nothing of it', async () => {
    const { daemon } = suite;
    const before = await traces();
    const result = await daemon.docker(['load'], {
      input: await dockerArchive([await tarOf({ small: 'small' }), await tarOfRandom(40)], ['full:1']),
    });
    expect(result.code).not.toBe(0);
    expect(result.stdout + result.stderr).toContain('no space left on device');
    expect((await daemon.docker(['image', 'inspect', 'full:1'])).code).not.toBe(0);
    await unchanged(before);
  });

  it('fails a commit in which it runs out, and the container goes on', async () => {
    const { daemon } = suite;
    await daemon.ok(
      'run',
      '-d',
      '--name',
      'full',
      'busybox',
      'sh',
      '-c',
      'dd if=/dev/urandom of=/big bs=1M count=9; sleep 1000',
    );
    await poll('the file', async () =>
      (await daemon.docker(['exec', 'full', 'wc', '-c', '/big'])).stdout.startsWith('9437184'),
    );
    const before = await traces();
    const result = await daemon.docker(['commit', 'full', 'full:2']);
    expect(result.stderr).toContain('no space left on device');
    await unchanged(before);
    expect(await daemon.ok('inspect', '-f', '{{.State.Status}}', 'full')).toBe('running');
    await daemon.ok('rm', '-f', 'full');
  });

  describe('and a registry', () => {
    let registry: LocalRegistry;
    beforeAll(async () => {
      const { daemon } = suite;
      registry = await LocalRegistry.start(daemon);
      // Zeros are nothing to download: only when they are unpacked it shows that there is no room.
      const zeros = await tarOf({ zeros: Buffer.alloc(40 * 1024 * 1024) });
      await skopeoPush(
        daemon,
        await dockerArchive([await tarOf({ first: noise('first', 10_000) }), zeros], ['x:1']),
        '127.0.0.1:5000/zeros:1',
      );
      await skopeoPush(daemon, await dockerArchive([await tarOfRandom(40)], ['x:1']), '127.0.0.1:5000/random:1');
    });
    afterAll(() => registry?.[Symbol.asyncDispose]());

    it('refuses a pull for which there is no room before it writes', async () => {
      const before = await traces();
      const result = await suite.daemon.docker(['pull', '127.0.0.1:5000/random:1']);
      expect(result.stderr).toMatch(/needs at least .* on disk, but only .* are available: no space left on device/);
      expect(result.stdout).not.toContain('Pulling fs layer');
      await unchanged(before);
    });

    it('fails a pull that turns out too large when it is unpacked, and keeps at most what was downloaded', async () => {
      const before = await traces();
      const result = await suite.daemon.docker(['pull', '127.0.0.1:5000/zeros:1']);
      expect(result.stderr).toContain('no space left on device');
      expect((await suite.daemon.docker(['image', 'inspect', '127.0.0.1:5000/zeros:1'])).code).not.toBe(0);
      const files = (all: string[]): string[] => all.filter((name) => !name.endsWith('.partial'));
      let after = before;
      await poll('all but downloads to be gone', async () => {
        after = await traces();
        return files(after.files).join() === files(before.files).join() && after.kilobytes - before.kilobytes < 1024;
      }).catch(() => expect(files(after.files)).toEqual(files(before.files)));
    });
  });

  it('still runs what is there, and tells a container that the disk is full', async () => {
    const { daemon } = suite;
    const result = await daemon.docker([
      'run',
      '--rm',
      'busybox',
      'sh',
      '-c',
      'dd if=/dev/zero of=/big bs=1M count=40 2>&1 | tail -1; echo alive',
    ]);
    expect(result.stdout).toContain('alive');
    expect((await daemon.docker(['run', '--rm', 'busybox', 'echo', 'fine'])).stdout).toBe('fine\n');
  });
});

async function tarOfRandom(megabytes: number): Promise<Buffer> {
  const { randomBytes } = await import('node:crypto');
  const { pack } = await import('tar-stream');
  const archive = pack();
  archive.entry({ name: 'random' }, randomBytes(megabytes * 1024 * 1024));
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
