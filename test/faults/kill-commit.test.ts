import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const ROUNDS = 4;
/** Longer than the commit takes on an idle machine. */
const LONGEST_MS = 250;

/** What is left of unfinished work in the stores of blobs and layers. */
function rubbish(): string[] {
  const { dataRoot } = suite.daemon;
  return [
    ...readdirSync(join(dataRoot, 'content/ingest')).filter((name) => !name.endsWith('.partial')),
    ...readdirSync(join(dataRoot, 'overlay2')).filter((name) => name.startsWith('unpack-')),
  ];
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('kill -9 of the daemon', () => {
  beforeAll(async () => {
    const { daemon } = suite;
    await daemon.ok('run', '-d', '--name', 'source', 'busybox', 'sleep', '100000');
    const script = 'dd if=/dev/zero of=/big bs=1M count=20 2>/dev/null; echo whole > /small; rm /etc/group';
    await daemon.ok('exec', 'source', 'sh', '-c', script);
  });

  const rounds = Array.from({ length: ROUNDS }, (_, round) => round);
  const image = 'committed:1';
  const run = () => suite.daemon.docker(['commit', 'source', image]);

  it.each(rounds)('during a commit, round %i, leaves all or nothing, and lets the container go on', async (round) => {
    const { daemon } = suite;
    const running = run();
    const delayMs = ((round + Math.random()) / ROUNDS) * LONGEST_MS;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    await daemon.down('SIGKILL');
    const { code } = await running;
    await daemon.up();

    expect(rubbish()).toEqual([]);
    const known = (await daemon.docker(['image', 'inspect', image])).code === 0;
    if (code === 0) expect(known).toBe(true);
    expect(await daemon.ok('inspect', '-f', '{{.State.Status}}', 'source')).toBe('running');
    expect((await run()).code).toBe(0);
    const script = 'cat /small; test ! -e /etc/group';
    expect(await daemon.ok('run', '--rm', image, '/bin/sh', '-c', script)).toBe('whole');
    await daemon.ok('rmi', image);
    await poll('removed files to be gone', () => rubbish().length === 0, { timeoutMs: 60_000 });
  });
});
