import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findExecutable } from '../../src/host/oci/runtimes.js';
import {
  aheadOf,
  createdAheadOf,
  hasEnded,
  overlaysOf,
  parentOf,
  sigkill,
  spareRoot,
  untilNothingIsAhead,
  whileAhead,
  whileRootIsAhead,
} from '../support/ahead-of-start.js';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { commandLine } from '../support/leak-check.js';
import { poll } from '../support/poll.js';

/** A place for a runtime that comes and goes. */
const runtimes = mkdtempSync(join(tmpdir(), 'wt-runtime-'));
const program = join(runtimes, 'runc');
const suite = daemonSuite({ flags: ['--add-runtime', `passing=${program}`] });
const SLEEP = ['sleep', '1000'];

afterAll(() => rmSync(runtimes, { recursive: true, force: true }));

const bundle = (id: string): string => join(suite.daemon.execRoot, 'containers', id);

/** What there is of a container that has never been started, beside its processes. */
function filesOf(id: string): string[] {
  const { execRoot, dataRoot } = suite.daemon;
  return [
    ...[bundle(id), join(dataRoot, 'containers', id, `${id}-json.log`)].filter((path) => existsSync(path)),
    ...readdirSync(join(execRoot, 'shims')).filter((name) => name.startsWith(id.slice(0, 32))),
    ...['runc', 'runtime'].flatMap((name) => {
      const root = join(execRoot, name, id);
      return existsSync(root) ? [root] : [];
    }),
    ...mountsOf(id),
  ];
}

const mountsOf = (id: string): string[] =>
  readFileSync(`/proc/${suite.daemon.pid}/mounts`, 'utf8')
    .split('\n')
    .filter((line) => line.includes(`/${id}/merged`));

async function startedAhead(config: object): Promise<Box> {
  const { daemon } = suite;
  return whileAhead(
    daemon,
    () => Box.create(daemon, SLEEP, config),
    async (box, ahead) => {
      await box.ok('start');
      return parentOf((await box.state()).Pid) === ahead.shim ? box : null;
    },
  );
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('what is ready when a start comes', () => {
  it.each([
    ['without', {}],
    ['with', { Tty: true, OpenStdin: true }],
  ])('runs the container, %s a terminal, and leaves what a start leaves', async (_, config) => {
    const box = await startedAhead(config);
    expect(lstatSync(join(bundle(box.id), 'config.json')).mode).toBe(0o100600);
    expect(readdirSync(bundle(box.id))).not.toContain('config.json.new');
    expect((await suite.daemon.docker(['exec', box.id, 'echo', 'in it'])).stdout).toBe('in it\n');
    await box.ok('restart');
    expect((await box.state()).Running).toBe(true);
    expect(existsSync(join(suite.daemon.dataRoot, 'containers', box.id, `${box.id}-json.log`))).toBe(true);
    await box.remove();
  });

  it('gives an auto-remove container that can not be started its message, and removes it', async () => {
    const { daemon } = suite;
    const reply = await whileAhead(
      daemon,
      () => Box.create(daemon, ['no-such-command'], { HostConfig: { AutoRemove: true } }),
      async (box) => {
        const { status, json } = await box.post('start');
        await untilNothingIsAhead(box.id);
        return { status, message: json.message as string };
      },
    );
    expect(reply).toEqual({
      status: 400,
      message:
        'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "no-such-command": executable file not found in $PATH',
    });
  });

  it('leaves nothing mounted when the start fails before the root is of use', async () => {
    const { daemon } = suite;
    const Mounts = [{ Type: 'volume', Source: 'no-part', Target: '/v', VolumeOptions: { Subpath: 'none' } }];
    const box = await whileAhead(
      daemon,
      () => Box.create(daemon, SLEEP, { HostConfig: { Mounts } }),
      async (one) => {
        const wasMounted = mountsOf(one.id).length === 1;
        expect((await one.post('start')).status).toBe(404);
        return wasMounted ? one : null;
      },
    );
    expect(mountsOf(box.id)).toEqual([]);
    await box.remove();
    await daemon.docker(['volume', 'rm', 'no-part']);
  });

  it('is gone after a while when no start comes', async () => {
    const { daemon } = suite;
    const create = () => Box.create(daemon, SLEEP);
    const box = await whileAhead(daemon, create, async (one) => (mountsOf(one.id).length === 1 ? one : null));
    await untilNothingIsAhead(box.id);
    await expect.poll(() => filesOf(box.id), { timeout: 30_000 }).toEqual([]);
    await box.ok('start');
    await box.remove();
  });

  it('goes with the container', async () => {
    const { daemon } = suite;
    const create = () => Box.create(daemon, SLEEP);
    const box = await whileAhead(daemon, create, async (one) => {
      expect((await one.remove('')).status).toBe(204);
      return one;
    });
    expect([aheadOf(box.id), filesOf(box.id)]).toEqual([{ shim: 0, runtime: 0 }, []]);
  });

  it('is not used when the shim was told something that is not so any more', async () => {
    const { daemon } = suite;
    const LogConfig = { Type: 'json-file', Config: { tag: '{{.Name}}' } };
    const box = await whileAhead(
      daemon,
      () => Box.create(daemon, ['echo', 'x'], { HostConfig: { LogConfig } }),
      async (one) => {
        await one.ok(`rename?name=${one.name}-other`);
        // This client was waiting with the shim.
        expect(await daemon.ok('start', '-a', one.id)).toBe('x');
        return one;
      },
    );
    await box.until('exited');
    expect((await daemon.docker(['logs', '--details', box.id])).stdout).toBe(`tag=${box.name}-other x\n`);
    await box.remove();
  });

  it.each(['export', 'commit'])('is not used once the container has seen a docker %s', async (verb) => {
    const { daemon } = suite;
    const box = await whileAhead(
      daemon,
      () => Box.create(daemon, ['sh', '-c', 'rm /etc/passwd && exec sleep 1000']),
      async (one, ahead) => {
        if (!(await createdAheadOf(one.id))) return null;
        const { stdout } = await daemon.docker([verb, one.id]);
        await one.ok('start');
        if (verb === 'commit') await daemon.docker(['rmi', stdout.trim()]);
        expect(parentOf((await one.state()).Pid)).not.toBe(ahead.shim);
        return one;
      },
    );
    // A second mount of the root could take nothing out of the image any more.
    expect((await daemon.docker(['exec', box.id, 'ls', '/etc/passwd'])).stderr).toContain('No such file or directory');
    expect((await box.state()).Running).toBe(true);
    await box.remove();
  });

  it('starts with limits that were changed after the create', async () => {
    const { daemon } = suite;
    const limit = 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null';
    const box = await whileAhead(
      daemon,
      () => Box.create(daemon, ['sh', '-c', limit], { HostConfig: { PidsLimit: 100 } }),
      async (one) => {
        await one.ok('update', { PidsLimit: 77 });
        await one.ok('start');
        return one;
      },
    );
    await box.until('exited');
    expect((await daemon.docker(['logs', box.id])).stdout).toBe('77\n');
    await box.remove();
  });

  it.each(['shim', 'runtime'] as const)('is not missed when its %s has been killed', async (which) => {
    const { daemon } = suite;
    const create = () => Box.create(daemon, SLEEP);
    const box = await whileAhead(daemon, create, async (one, ahead) => {
      if (!sigkill(ahead[which])) return null;
      // killed later, it would be killed in the middle of the start
      await poll('its end', () => hasEnded(ahead[which]), { everyMs: 1 });
      await one.ok('start');
      return one;
    });
    expect((await box.state()).Running).toBe(true);
    await box.ok('kill');
    await box.until('exited');
    await box.remove();
    await untilNothingIsAhead(box.id);
  });

  it('leaves nothing in the way of the next start when the shim is killed in the middle of one', async () => {
    const { daemon } = suite;
    const create = () => Box.create(daemon, SLEEP);
    const opensGate = (shim: number): boolean =>
      readdirSync(`/proc/${shim}/fd`).some((fd) => {
        const path = readlinkSync(`/proc/${shim}/fd/${fd}`);
        return path.endsWith('/exec.fifo');
      });
    const box = await whileAhead(daemon, create, async (one) => {
      const created = await createdAheadOf(one.id);
      if (!created) return null;
      const { shim, runtime } = created;
      process.kill(runtime, 'SIGSTOP');
      const starting = one.post('start');
      await expect.poll(() => opensGate(shim), { timeout: 30_000 }).toBe(true);
      process.kill(shim, 'SIGKILL');
      expect((await starting).status).toBe(503);
      // it may not have been reaped
      expect(commandLine(`${runtime}`)).toBe('');
      return one;
    });
    // the socket is replaced
    expect(filesOf(box.id).filter((path) => !/(-json\.log|\.sock)$/.test(path))).toEqual([]);
    await box.ok('start');
    expect((await box.state()).Running).toBe(true);
    await box.remove();
  });

  it('leaves the words for a runtime that is gone as they are', async () => {
    const { daemon } = suite;
    const create = () => Box.create(daemon, SLEEP, { HostConfig: { Runtime: 'passing' } });
    const appear = (): void => copyFileSync(findExecutable('runc')!, program);
    const refused = async (box: Box) => {
      const { status, json } = await box.post('start');
      return { status, message: json.message as string };
    };
    mkdirSync(runtimes, { recursive: true });
    const first = await whileAhead(
      daemon,
      () => {
        appear();
        return create();
      },
      async (box) => {
        rmSync(program);
        return { box, reply: await refused(box) };
      },
    );
    await untilNothingIsAhead(first.box.id);
    expect(first.reply).toEqual(await refused(first.box));
    expect(first.reply.message).toContain(`exec: "${program}": executable file not found in $PATH`);
    appear();
    await first.box.ok('start');
    await first.box.remove();
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET'])('what is on the disk for the next container', () => {
  const runOne = async (config: object = {}): Promise<void> => {
    await (await Box.run(suite.daemon, ['true'], config)).remove();
  };
  const directoriesOf = (id: string): string[] =>
    ['overlay2', 'containers']
      .map((place) => join(suite.daemon.dataRoot, place, id))
      .filter((path) => existsSync(path));

  /** What containers write to it, and whether a loss of power may take that. */
  const rootOf = (id: string): { isVolatile: boolean } | undefined =>
    overlaysOf(suite.daemon)
      .filter((overlay) => overlay.id === id)
      .map(({ mountOptions }) => ({ isVolatile: mountOptions.some((option) => option.endsWith('volatile')) }))[0];

  it.each([false, true])('is its own then, and goes with it, AutoRemove being %s', async (AutoRemove) => {
    const { daemon } = suite;
    const config = { HostConfig: { AutoRemove } };
    const box = await whileRootIsAhead(
      daemon,
      () => runOne(config),
      async ({ id }) => {
        const one = await Box.create(daemon, ['sh', '-c', 'echo x > /new && cat /etc/hostname && sleep 1000'], config);
        if (one.id === id) return one;
        await one.remove();
        return null;
      },
    );
    expect(rootOf(box.id)).toEqual({ isVolatile: AutoRemove });
    await box.ok('start');
    await box.says(box.id.slice(0, 12));
    expect((await daemon.docker(['diff', box.id])).stdout).toBe('A /new\n');
    await box.remove();
    expect([rootOf(box.id), directoriesOf(box.id)]).toEqual([undefined, []]);
  });

  it('is not used for a container of another kind, and not in its way', async () => {
    const { daemon } = suite;
    const kept = await Box.create(daemon, ['true']);
    await daemon.ok('commit', '-c', 'ENV other=yes', kept.id, 'other-image');
    await kept.remove();
    for (const { AutoRemove, Image } of [
      { AutoRemove: false, Image: 'busybox' },
      { AutoRemove: true, Image: 'other-image' },
    ]) {
      const box = await whileRootIsAhead(
        daemon,
        () => runOne({ HostConfig: { AutoRemove: true } }),
        async ({ id }) => {
          const one = await Box.create(daemon, SLEEP, { Image, HostConfig: { AutoRemove } });
          if (one.id === id) return one;
          await one.remove();
          return null;
        },
      );
      await box.ok('start');
      expect(rootOf(box.id)).toEqual({ isVolatile: AutoRemove });
      expect((await daemon.docker(['exec', box.id, 'cat', '/etc/hostname'])).stdout).toBe(`${box.id.slice(0, 12)}\n`);
      await box.remove();
      expect([rootOf(box.id), directoriesOf(box.id)]).toEqual([undefined, []]);
    }
    await daemon.ok('rmi', 'other-image');
  });

  it('shows nowhere, and goes with the image', async () => {
    const { daemon } = suite;
    const source = await Box.run(daemon, ['touch', '/more']);
    await source.until('exited');
    await daemon.ok('commit', source.id, 'going-image');
    await source.remove();
    const seen = async (): Promise<unknown> => {
      const [{ json: info }, { json: df }] = await Promise.all([daemon.api.get('/info'), daemon.api.get('/system/df')]);
      const all = (await daemon.api.get('/containers/json?all=1')).json as { Id: string }[];
      return [info.Containers, df.Containers?.length, df.LayersSize, all.map(({ Id }) => Id)];
    };
    const before = await seen();
    const image = { Image: 'going-image' };
    const spare = await whileRootIsAhead(
      daemon,
      () => runOne(image),
      async (one) => {
        const shown = await seen();
        const isOnImage = existsSync(join(`/proc/${daemon.pid}/root`, one.path, 'more'));
        if (!isOnImage || (await spareRoot(daemon))?.id !== one.id) return null;
        expect(shown).toEqual(before);
        return one;
      },
    );
    expect((await daemon.api.get(`/containers/${spare.id}/json`)).status).toBe(404);
    await daemon.ok('rmi', 'going-image');
    expect(rootOf(spare.id)).toBeUndefined();
    expect(existsSync(join(daemon.dataRoot, 'overlay2', spare.id))).toBe(false);
  });
});

describe('many creates', () => {
  it('are not prepared for without end, and start when they are asked to', async () => {
    const { daemon } = suite;
    const boxes = await Promise.all(Array.from({ length: 20 }, () => Box.create(daemon, SLEEP)));
    const waiting = boxes.filter(({ id }) => aheadOf(id).shim > 0);
    expect(waiting.length).toBeLessThanOrEqual(4);
    for (const box of boxes.slice(0, 3)) {
      await box.ok('start');
      expect((await box.state()).Running).toBe(true);
    }
    for (const box of boxes) await box.remove();
  });
});
