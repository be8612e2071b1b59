import { expect, it } from 'vitest';
import { describe } from 'vitest';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  type AheadOfStart,
  createdAheadOf,
  overlaysOf,
  sigkill,
  spareRoot,
  untilNothingIsAhead,
  whileAhead,
  whileRootIsAhead,
} from '../support/ahead-of-start.js';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { leftovers } from '../support/leak-check.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();

describe.skipIf(process.env['WHARF_TEST_TARGET'])('a shim and a runtime that wait for a start', () => {
  const ends: [string, NodeJS.Signals, (ahead: AheadOfStart) => void][] = [
    ['by SIGTERM', 'SIGTERM', () => undefined],
    ['by kill -9', 'SIGKILL', () => undefined],
    ['by kill -9, and the shim too', 'SIGKILL', ({ shim }) => sigkill(shim)],
  ];

  const moments = ends.flatMap(([how, ...end]) => [
    [how, 'before or while the container is created', false, ...end] as const,
    [how, 'once it has been', true, ...end] as const,
  ]);

  it.each(moments)('are gone after the daemon, which ends %s, %s', async (_, __, isCreated, signal, alsoKill) => {
    const { daemon } = suite;
    const box = await whileAhead(
      daemon,
      () => Box.create(daemon, ['sh', '-c', 'exit 5']),
      async (one, early) => {
        const ahead = isCreated ? await createdAheadOf(one.id) : early;
        if (!ahead) return null;
        const down = daemon.down(signal);
        alsoKill(ahead);
        await down;
        return one;
      },
    );
    if (signal === 'SIGTERM') expect(await ownLeftovers(box)).toEqual([]);
    await daemon.up();
    await untilNothingIsAhead(box.id);
    expect(await ownLeftovers(box)).toEqual([]);
    expect(await box.state()).toMatchObject({ Status: 'created', ExitCode: 0, Error: '' });
    await box.ok('start');
    expect((await box.until('exited')).ExitCode).toBe(5);
    await box.remove();
  });

  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'are gone with all that is on the disk for the next, by %s',
    async (signal) => {
      const { daemon } = suite;
      const { id } = await whileRootIsAhead(
        daemon,
        async () => (await Box.run(daemon, ['true'])).remove(),
        async (spare) => {
          // The runtime may still be forgetting the one that was removed, and nobody is left to look after its end.
          await poll('only the next to be there', async () => (await leftovers(daemon)).length === 0);
          if ((await spareRoot(daemon))?.id !== spare.id) return null;
          await daemon.down(signal);
          return spare;
        },
      );
      const places = ['overlay2', 'containers'].map((place) => join(daemon.dataRoot, place, id));
      const left = (): string[] => places.filter((path) => existsSync(path));
      if (signal === 'SIGTERM') expect([left(), await leftovers(daemon)]).toEqual([[], []]);
      await daemon.up();
      expect([left(), overlaysOf(daemon)]).toEqual([[], []]);
      await untilNothingIsAhead(id);
      await expect.poll(() => leftovers(daemon), { timeout: 30_000 }).toEqual([]);
    },
  );

  it('are gone after a kill -9 among many creates', async () => {
    const { daemon } = suite;
    for (let round = 0; round < 6; round++) {
      await (await Box.run(daemon, ['true'])).remove();
      const creates = Array.from({ length: 6 }, () => Box.create(daemon, ['true']).catch(() => null));
      await Promise.race(creates);
      await new Promise((resolve) => setTimeout(resolve, round));
      await daemon.down('SIGKILL');
      await Promise.all(creates);
      await daemon.up();
      await daemon.removeAllContainers();
      let left: string[] = ['?'];
      await poll('a clean house', async () => (left = await leftovers(daemon)).length === 0).catch(() => undefined);
      expect(left).toEqual([]);
    }
  });

  /** What is there of a container beside its own directory. */
  async function ownLeftovers(box: Box): Promise<string[]> {
    return (await leftovers(suite.daemon)).filter(
      (line) => line.includes(box.id.slice(0, 32)) && !line.startsWith('container directory'),
    );
  }
});
