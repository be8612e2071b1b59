import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { leftovers } from '../support/leak-check.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();

/** Something in the container's directory that can't be removed, until it is unmounted. */
async function obstruct({ daemon, id }: Box): Promise<() => Promise<void>> {
  const path = join(daemon.dataRoot, 'containers', id, 'obstacle');
  mkdirSync(path);
  await daemon.holder.run(['mount', '-t', 'tmpfs', 'obstacle', path]);
  return async () => void (await daemon.holder.run(['umount', path]));
}

const isDead = async (box: Box): Promise<void> => {
  expect(await box.state()).toMatchObject({ Status: 'dead', Dead: true, Running: false });
  expect((await box.row()).Status).toBe('Dead');
  expect(await box.post('start')).toMatchObject({
    status: 409,
    json: { message: 'container is marked for removal and cannot be started' },
  });
};

describe.skipIf(process.env['WHARF_TEST_TARGET'])('a removal that fails', () => {
  it('leaves a dead container, tells those who wait, and can be repeated', async () => {
    const box = await Box.run(suite.daemon, ['sleep', '1000']);
    const clear = await obstruct(box);
    const gone = box.post('wait?condition=removed');
    const reply = await box.remove();
    expect(reply.status).toBe(500);
    expect((await gone).json.Error.Message).toBe(reply.json.message);
    await isDead(box);
    expect((await box.remove()).status).toBe(500);
    // Nothing of it went before that which can't.
    const places = ['containers', 'overlay2'].map((place) => join(suite.daemon.dataRoot, place, box.id));
    expect(places.map((path) => existsSync(path))).toEqual([true, true]);
    await clear();
    expect((await box.remove('')).status).toBe(204);
    expect((await box.post('start')).status).toBe(404);
    expect(places.map((path) => existsSync(path))).toEqual([false, false]);
  });

  it('is repeated by the next daemon, and after that by hand', async () => {
    const { daemon } = suite;
    const [first, second] = [await Box.create(daemon, ['true']), await Box.create(daemon, ['true'])];
    const clearFirst = await obstruct(first);
    const clearSecond = await obstruct(second);
    expect((await first.remove()).status).toBe(500);
    expect((await second.remove()).status).toBe(500);
    await clearFirst();
    await daemon.down('SIGKILL');
    await daemon.up();
    // The first one's obstacle is gone; the other can't be removed at boot either, and is no worse for it.
    expect((await first.post('start')).status).toBe(404);
    await isDead(second);
    await clearSecond();
    expect((await second.remove()).status).toBe(204);
    expect((await daemon.api.get('/containers/json?all=1')).json).toEqual([]);
  });

  it('is finished after a kill -9 in the middle of it', async () => {
    const { daemon } = suite;
    for (let round = 0; round < 4; round++) {
      const boxes = await Promise.all(
        Array.from({ length: 4 }, (_, index) =>
          index % 2 ? Box.run(daemon, ['sleep', '1000']) : Box.create(daemon, ['true']),
        ),
      );
      const removals = boxes.map((box) => box.remove().catch(() => null));
      await Promise.race(removals);
      await daemon.down('SIGKILL');
      await Promise.all(removals);
      await daemon.up();
      for (const box of boxes) {
        expect([204, 404]).toContain((await box.remove()).status);
        expect((await box.post('start')).status).toBe(404);
      }
      await poll('an empty list', async () => (await daemon.api.get('/containers/json?all=1')).json.length === 0);
    }
  });

  it('is finished after a kill -9 in the middle of it, where containers remove themselves', async () => {
    const { daemon } = suite;
    const config = { HostConfig: { AutoRemove: true }, Volumes: { '/anonymous': {} } };
    for (let round = 0; round < 4; round++) {
      const boxes = await Promise.all([0, 1, 2, 3].map(() => Box.run(daemon, ['sleep', '1000'], config)));
      const ends = boxes.map((box) => box.post('kill').catch(() => null));
      await Promise.race(ends);
      await daemon.down('SIGKILL');
      await Promise.all(ends);
      await daemon.up();
      // Those that the signal has not reached.
      for (const box of boxes) expect([204, 404, 409]).toContain((await box.post('kill')).status);
      await poll('an empty list', async () => (await daemon.api.get('/containers/json?all=1')).json.length === 0);
      for (const place of ['containers', 'overlay2']) {
        const left = readdirSync(join(daemon.dataRoot, place)).filter((name) => boxes.some(({ id }) => id === name));
        expect(left).toEqual([]);
      }
    }
    await poll('no volumes', async () => (await daemon.api.get('/volumes')).json.Volumes.length === 0);
  });

  it('has left nothing when the daemon is killed as it tells that a container has removed itself', async () => {
    const { daemon } = suite;
    for (let round = 0; round < 6; round++) {
      const HostConfig = { AutoRemove: true, NetworkMode: round % 2 ? 'none' : 'bridge' };
      const Volumes = round % 3 ? {} : { '/anonymous': {} };
      const box = await Box.create(daemon, ['true'], { HostConfig, Volumes });
      const gone = box.post('wait?condition=removed');
      await box.ok('start');
      expect((await gone).json.StatusCode).toBe(0);
      await daemon.down('SIGKILL');
      await daemon.up();
      const left = async () => [
        ...(await daemon.api.get('/containers/json?all=1')).json,
        ...(await daemon.api.get('/volumes')).json.Volumes,
        ...(await leftovers(daemon)),
      ];
      await expect.poll(left, { timeout: 30_000 }).toEqual([]);
      expect(existsSync(join(daemon.dataRoot, 'overlay2', box.id))).toBe(false);
    }
  });
});
