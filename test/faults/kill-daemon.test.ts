import { describe, expect, it } from 'vitest';
import { busyboxTar } from '../support/busybox-image.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { leftovers } from '../support/leak-check.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const ROUNDS = 8;

/** A moment between 0 and `maxMs`, spread over the rounds so that every phase of an operation gets its turn. */
const moment = (round: number, maxMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, (round / ROUNDS) * maxMs + Math.random() * (maxMs / ROUNDS)));

describe.skipIf(process.env['WHARF_TEST_TARGET'])('kill -9 of the daemon', () => {
  it.each(Array.from({ length: ROUNDS }, (_, round) => round))(
    'while containers come and go, round %i',
    async (round) => {
      const { daemon } = suite;
      await daemon.ok('run', '-d', '--name', 'stays', '-p', '8070:80', 'busybox', 'sleep', '1000');
      const pid = await daemon.ok('inspect', '-f', '{{.State.Pid}}', 'stays');
      const work = [0, 1, 2, 3].map((index) =>
        daemon.docker([
          'run',
          '--name',
          `w${index}`,
          '-p',
          '80',
          '-v',
          `vol${index}:/v`,
          ...(index % 2 ? ['-d'] : ['--rm']),
          'busybox',
          'sh',
          '-c',
          'echo x; sleep 0.1',
        ]),
      );
      await moment(round, 250);
      await daemon.down('SIGKILL');
      await Promise.all(work);
      await daemon.up();

      expect(await daemon.ok('inspect', '-f', '{{.State.Pid}} {{.State.Status}}', 'stays')).toBe(`${pid} running`);
      const listed = (await daemon.api.get('/containers/json?all=1')).json as { Id: string }[];
      for (const { Id } of listed) expect((await daemon.api.get(`/containers/${Id}/json`)).status).toBe(200);
      // Whatever was in the middle can be done again.
      for (const index of [0, 1, 2, 3]) await daemon.docker(['rm', '-f', '-v', `w${index}`]);
      expect((await daemon.docker(['run', '--rm', '--name', 'w0', 'busybox', 'echo', 'fine'])).stdout).toBe('fine\n');
      await daemon.ok('rm', '-f', 'stays');
      let left: string[] = ['?'];
      await poll('a clean house', async () => (left = await leftovers(daemon)).length === 0).catch(() => undefined);
      expect(left).toEqual([]);
      for (const index of [0, 1, 2, 3]) await daemon.docker(['volume', 'rm', '-f', `vol${index}`]);
    },
  );

  it.each(Array.from({ length: ROUNDS }, (_, round) => round))(
    'while an image is imported, round %i',
    async (round) => {
      const { daemon } = suite;
      const importing = daemon.docker(['import', '-', 'half:1'], { input: busyboxTar() });
      await moment(round, 200);
      await daemon.down('SIGKILL');
      const result = await importing;
      await daemon.up();
      const known = (await daemon.docker(['image', 'inspect', 'half:1'])).code === 0;
      if (result.code === 0) expect(known).toBe(true);
      const again = await daemon.docker(['import', '-', 'half:1'], { input: busyboxTar() });
      expect(again.code).toBe(0);
      expect((await daemon.docker(['run', '--rm', 'half:1', '/bin/echo', 'whole'])).stdout).toBe('whole\n');
      await daemon.ok('rmi', 'half:1');
    },
  );
});
