import { readdirSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';

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
