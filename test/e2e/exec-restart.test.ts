import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
/** Told apart from what tests beside this one run. */
const unique = String(process.pid);
const ok = (...args: string[]) => suite.daemon.ok(...args);

async function create(container: string, ...cmd: string[]): Promise<string> {
  const reply = await suite.daemon.api.post(`/containers/${container}/exec`, { Cmd: cmd, AttachStdout: true });
  expect(reply.status).toBe(201);
  return reply.json.Id as string;
}

const start = async (id: string): Promise<number> =>
  (await suite.daemon.api.post(`/exec/${id}/start`, { Detach: true })).status;

const inspect = async (id: string) => (await suite.daemon.api.get(`/exec/${id}/json`)).json;

const ended = (id: string) =>
  poll('the exec to end', async () => {
    const json = await inspect(id);
    return json.ExitCode !== null && json;
  });

const execIds = async (name: string): Promise<string[] | null> =>
  JSON.parse(await ok('inspect', '-f', '{{json .ExecIDs}}', name)) as string[] | null;

/** Waits for a file, then ends. */
const waiter = (file: string, code: number): string[] => [
  'sh',
  '-c',
  `until test -e ${file}; do sleep 0.05; done; exit ${code}`,
];

describe.skipIf(process.env['WHARF_TEST_TARGET']).each(['SIGTERM', 'SIGKILL'] as const)(
  'execs when the daemon is ended by %s and started again',
  (signal) => {
    beforeAll(async () => void (await ok('run', '-d', '--name', 'box', 'busybox', 'sleep', '1000')));
    afterAll(async () => void (await ok('rm', '-f', 'box')));

    it('go on, give their exit codes, and are forgotten with their container', async () => {
      const { daemon } = suite;
      const over = await create('box', 'sh', '-c', 'exit 3');
      const missing = await create('box', 'no-such-command');
      const onGoing = await create('box', ...waiter('/tmp/later', 7));
      const endsMeanwhile = await create('box', ...waiter(`/tmp/meanwhile-${unique}`, 9));
      const attached = await create('box', ...waiter('/tmp/later', 11));
      const waiting = await create('box', 'sh', '-c', 'exit 13');
      expect(await start(over)).toBe(200);
      expect(await start(missing)).toBe(400);
      expect(await start(onGoing)).toBe(200);
      expect(await start(endsMeanwhile)).toBe(200);
      const { socket } = await daemon.api.upgrade(`/exec/${attached}/start`, {});
      socket.on('error', () => undefined).resume();
      expect((await ended(over)).ExitCode).toBe(3);
      await poll('the attached exec to run', async () => (await inspect(attached)).Running);
      const before = await inspect(onGoing);

      const root = `/proc/${await ok('inspect', '-f', '{{.State.Pid}}', 'box')}/root`;
      await daemon.down(signal);
      await daemon.holder.run(['touch', `${root}/tmp/meanwhile-${unique}`]);
      await poll(
        'an exec to end while nobody looks',
        async () => (await daemon.holder.run(['pgrep', '-f', `test -e /tmp/meanwhile-${unique}`])).code !== 0,
      );
      await daemon.up();

      expect(await inspect(over)).toMatchObject({ Running: false, ExitCode: 3 });
      expect(await inspect(missing)).toMatchObject({ Running: false, ExitCode: 127 });
      expect(await inspect(endsMeanwhile)).toMatchObject({ Running: false, ExitCode: 9 });
      expect(await inspect(onGoing)).toEqual(before);
      expect(await inspect(attached)).toMatchObject({ Running: true, ExitCode: null });
      expect((await execIds('box'))!.sort()).toEqual([onGoing, attached, waiting].sort());
      expect(await start(onGoing)).toBe(409);
      expect(await start(over)).toBe(409);
      expect(await start(waiting)).toBe(200);
      expect((await ended(waiting)).ExitCode).toBe(13);
      await ok('exec', 'box', 'touch', '/tmp/later');
      expect((await ended(onGoing)).ExitCode).toBe(7);
      expect((await ended(attached)).ExitCode).toBe(11);
      expect(await execIds('box')).toBeNull();

      await ok('restart', '-t', '0', 'box');
      await daemon.down(signal);
      await daemon.up();
      expect((await daemon.api.get(`/exec/${over}/json`)).status).toBe(404);
    });

    it('that were just being started have either run or can be started', async () => {
      const { daemon } = suite;
      await ok('run', '-d', '--name', 'hasty', 'busybox', 'sleep', '1000');
      const codes = [...Array(12).keys()].map((index) => index + 20);
      const ids = await Promise.all(codes.map((code) => create('hasty', 'sh', '-c', `exit ${code}`)));
      const starting = ids.map((id) => start(id).catch(() => 0));
      await Promise.race(starting);
      await daemon.down(signal);
      await Promise.all(starting);
      await daemon.up();
      await Promise.all(
        ids.map(async (id, index) => {
          const { Running, ExitCode } = await inspect(id);
          if (!Running && ExitCode === null) expect(await start(id)).toBe(200);
          expect((await ended(id)).ExitCode).toBe(codes[index]);
        }),
      );
      await poll('the sockets to be gone', () =>
        readdirSync(`${daemon.execRoot}/shims`).every((name) => !name.startsWith('x-')),
      );
      expect(await execIds('hasty')).toBeNull();
      await ok('rm', '-f', 'hasty');
    });

    it('are killed if they were health probes', async () => {
      const { daemon } = suite;
      const healthy = ['--health-cmd', `sleep 777${unique}`, '--health-interval', '1s', '--health-timeout', '500s'];
      await ok('run', '-d', '--name', 'probed', ...healthy, 'busybox', 'sleep', '1000');
      const probe = async () =>
        (await daemon.holder.run(['pgrep', '-f', `sleep 777${unique}$`])).stdout.split('\n')[0]!;
      const pid = await poll('the probe to run', async () => (await probe()) || false);
      await daemon.down(signal);
      await daemon.up();
      await poll('the probe to be gone', async () => {
        const { stdout } = await daemon.holder.run(['pgrep', '-f', `sleep 777${unique}$`]);
        return !stdout.split('\n').includes(pid);
      });
      await ok('rm', '-f', 'probed');
    });
  },
);
