import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const BOX = 'exec-api-box';

async function create(options: object, container = BOX): Promise<string> {
  const reply = await suite.daemon.api.post(`/containers/${container}/exec`, options);
  expect([reply.status, reply.text]).toEqual([201, expect.any(String)]);
  return reply.json.Id as string;
}

const inspect = async (id: string) => (await suite.daemon.api.get(`/exec/${id}/json`)).json;
const execIds = async (): Promise<string[] | null> =>
  (await suite.daemon.api.get(`/containers/${BOX}/json`)).json.ExecIDs as string[] | null;

/** A started exec with its stream. */
class Session {
  private chunks: Buffer[] = [];
  readonly ended: Promise<void>;

  private constructor(
    readonly id: string,
    readonly socket: Duplex,
    head: Buffer,
  ) {
    this.chunks.push(head);
    socket.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.ended = new Promise((resolve) => socket.once('end', resolve));
  }

  static async start(id: string, body: object = {}, version = ''): Promise<Session> {
    const { socket, head } = await suite.daemon.api.upgrade(`${version}/exec/${id}/start`, body);
    return new Session(id, socket, head);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  see(text: string): Promise<unknown> {
    return poll(`${text} in the stream`, () => this.text.includes(text));
  }
}

const terminal = { AttachStdin: true, AttachStdout: true, AttachStderr: true, Tty: true };

beforeAll(async () => void (await ok('run', '-d', '--name', BOX, 'busybox', 'sleep', '1000')));
afterAll(async () => void (await docker('rm', '-f', BOX)));

describe("an exec's terminal", () => {
  it('has the size that create or start gives it', async () => {
    const sized = await Session.start(await create({ ...terminal, Cmd: ['stty', 'size'], ConsoleSize: [31, 101] }), {
      Tty: true,
    });
    await sized.ended;
    expect(sized.text).toBe('31 101\r\n');
    const later = await Session.start(await create({ ...terminal, Cmd: ['stty', 'size'], ConsoleSize: [31, 101] }), {
      Tty: true,
      ConsoleSize: [32, 102],
    });
    await later.ended;
    expect(later.text).toBe('32 102\r\n');
  });

  it('is resized while it is being started, and later, with a signal', async () => {
    const { api } = suite.daemon;
    const script =
      'trap "stty size" WINCH; until test "$(stty size)" = "41 111"; do sleep 0.05; done; echo early; read x; exit 0';
    const id = await create({ ...terminal, Cmd: ['sh', '-c', script] });
    // Sent before the start: it waits for it.
    const early = api.post(`/exec/${id}/resize?h=41&w=111`);
    const session = await Session.start(id, { Tty: true });
    expect((await early).status).toBe(200);
    await session.see('early');
    expect((await api.post(`/exec/${id}/resize?h=42&w=112`)).status).toBe(200);
    await poll('the new size', () => {
      session.socket.write('\n');
      return session.text.includes('42 112');
    });
    await session.ended;
    expect((await inspect(id)).ExitCode).toBe(0);
    const late = await api.post(`/exec/${id}/resize?h=42&w=112`);
    expect([late.status, late.json.message]).toEqual([404, `NotFound: process does not exist ${id}: not found`]);
  });

  it('is left by the detach keys of the exec, and the process goes on', async () => {
    const id = await create({ ...terminal, Cmd: ['cat'], DetachKeys: 'ctrl-a,b' });
    const session = await Session.start(id, { Tty: true });
    session.socket.write('seen\n');
    await session.see('seen\r\nseen\r\n');
    session.socket.write('\x01b');
    await session.ended;
    // dockerd takes it for ended, with 126; it does go on.
    if (suite.daemon.reference) return;
    expect(await inspect(id)).toMatchObject({ Running: true, ExitCode: null, DetachKeys: 'AWI=' });
    expect(await execIds()).toContain(id);
    process.kill((await inspect(id)).Pid as number, 'SIGKILL');
    await poll('the exec to end', async () => (await inspect(id)).ExitCode === 137);
  });
});

describe("an exec's stdin", () => {
  it('ends with that of a client that has nothing to say', async () => {
    for (let turn = 0; turn < 5; turn++) {
      const result = await suite.daemon.docker(['exec', '-i', BOX, 'sh', '-c', 'cat; echo over'], { input: '' });
      expect(result).toEqual({ code: 0, stdout: 'over\n', stderr: '' });
    }
  });

  it('takes what is larger than every buffer between, and gives it back', async () => {
    const input = 'x'.repeat(5_000_000);
    const result = await suite.daemon.docker(['exec', '-i', BOX, 'cat'], { input });
    expect(result.code).toBe(0);
    expect(result.stdout === input).toBe(true);
  });

  it('is closed from the start when it is not attached', async () => {
    expect(await ok('exec', BOX, 'sh', '-c', 'cat; readlink /proc/self/fd/0')).toBe('/dev/null');
  });
});

describe('the exec', () => {
  it('that cannot be run is the client’s fault, and is listed no more', async () => {
    for (const [cmd, code, words] of [
      [['nope'], 127, 'exec: "nope": executable file not found in $PATH'],
      [['/etc/passwd'], 126, 'exec: "/etc/passwd": permission denied'],
    ] as const) {
      const id = await create({ Cmd: cmd, AttachStdout: true, AttachStderr: true });
      expect(await execIds()).toContain(id);
      const reply = await suite.daemon.api.post(`/exec/${id}/start`, { Detach: true });
      const message = `OCI runtime exec failed: exec failed: unable to start container process: ${words}`;
      expect([reply.status, reply.json.message]).toEqual([400, message]);
      expect(await inspect(id)).toMatchObject({ Running: false, ExitCode: code });
      expect((await execIds()) ?? []).not.toContain(id);
      const attached = await Session.start(await create({ Cmd: cmd, AttachStdout: true, AttachStderr: true }));
      await attached.ended;
      expect(attached.text.slice(8)).toBe(`${message}\r\n`);
      expect((await inspect(attached.id)).ExitCode).toBe(code);
    }
  });

  it('is known by its pid while it runs, and stays known when it has ended', async () => {
    const id = await create({ Cmd: ['sh', '-c', 'read x; exit 7'], AttachStdin: true, AttachStdout: true });
    expect(await inspect(id)).toMatchObject({ Running: false, ExitCode: null, Pid: 0 });
    const session = await Session.start(id);
    const running = await poll('the exec to run', async () => {
      const json = await inspect(id);
      return json.Running && json.Pid > 0 && json;
    });
    expect(running).toMatchObject({ ID: id, ExitCode: null, OpenStdin: true, OpenStdout: true, OpenStderr: false });
    expect(running.Pid).toBeGreaterThan(1);
    expect(await execIds()).toEqual([id]);
    session.socket.write('\n');
    await session.ended;
    expect(await inspect(id)).toMatchObject({ Running: false, ExitCode: 7, Pid: running.Pid });
    expect(await execIds()).toBeNull();
  });

  it.each([1.24, 1.3, 1.4, 1.41, 1.42, 1.44, 1.5, 1.51])('works over API %d', async (number) => {
    const version = `/v${number === 1.3 || number === 1.4 || number === 1.5 ? number.toFixed(2) : number}`;
    const { api } = suite.daemon;
    const { json } = await api.post(`${version}/containers/${BOX}/exec`, {
      Cmd: ['sh', '-c', 'echo out; echo err >&2; exit 5'],
      AttachStdout: true,
      AttachStderr: true,
    });
    const session = await Session.start(json.Id as string, {}, version);
    await session.ended;
    expect(session.text).toContain('\x01\0\0\0\0\0\0\x04out\n');
    expect(session.text).toContain('\x02\0\0\0\0\0\0\x04err\n');
    expect((await api.get(`${version}/exec/${json.Id}/json`)).json.ExitCode).toBe(5);
  });

  it('leaves what is in the background alone, and does not wait for it for long', async () => {
    const result = await docker('exec', BOX, 'sh', '-c', 'sleep 654 & echo $! > /tmp/background; echo done');
    expect(result).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
    const alive = 'test -d /proc/$(cat /tmp/background) && kill $(cat /tmp/background) && echo alive';
    expect(await ok('exec', BOX, 'sh', '-c', alive)).toBe('alive');
  });

  it('cannot be created or started while the container is paused, and goes on after', async () => {
    const id = await create({ Cmd: ['true'] });
    const { api } = suite.daemon;
    const full = await ok('inspect', '-f', '{{.Id}}', BOX);
    await ok('pause', BOX);
    try {
      const refused = await api.post(`/containers/${BOX}/exec`, { Cmd: ['true'] });
      expect([refused.status, refused.json.message]).toEqual([
        409,
        `Container ${BOX} is paused, unpause the container before exec`,
      ]);
      const started = await api.post(`/exec/${id}/start`, { Detach: true });
      expect([started.status, started.json.message]).toEqual([
        409,
        `Container ${full} is paused, unpause the container before exec`,
      ]);
    } finally {
      await ok('unpause', BOX);
    }
    expect((await api.post(`/exec/${id}/start`, { Detach: true })).status).toBe(200);
  });

  it('ends with its container, as do its clients, and is known as long as that is there', async () => {
    const { api } = suite.daemon;
    const name = 'exec-api-short';
    const container = await ok('run', '-d', '--name', name, 'busybox', 'sleep', '1000');
    const over = await create({ Cmd: ['true'] }, name);
    await (
      await Session.start(over)
    ).ended;
    const waiting = await create({ Cmd: ['true'] }, name);
    const byCli = docker('exec', name, 'sh', '-c', 'echo begun; exec sleep 1000');
    const killed = await Session.start(
      await create({ Cmd: ['sh', '-c', 'echo begun; exec sleep 1000'], AttachStdout: true }, name),
    );
    await killed.see('begun');
    await poll('the other exec to run', async () => (await ok('top', name)).split('sleep 1000').length === 4);
    await ok('stop', '-t', '0', name);
    await killed.ended;
    expect(await byCli).toMatchObject({ code: 137, stdout: 'begun\n' });

    const asked = async (method: string, path: string, body?: object) => {
      const { status, json } = await api.call(method, path, body);
      return [status, json?.message ?? json?.ExitCode];
    };
    const start = (id: string) => asked('POST', `/exec/${id}/start`, { Detach: true });
    const resize = (id: string) => asked('POST', `/exec/${id}/resize?h=1&w=1`);
    const exitCode = (id: string) => asked('GET', `/exec/${id}/json`);
    const nowhere = (id: string) => [404, `No such exec instance: ${id}`];
    const stopped = [409, `container ${container} is not running`];
    expect(await exitCode(over)).toEqual([200, 0]);
    expect(await exitCode(killed.id)).toEqual([200, 137]);
    expect([await start(over), await resize(over)]).toEqual([stopped, stopped]);
    expect([await exitCode(waiting), await start(waiting)]).toEqual([nowhere(waiting), nowhere(waiting)]);
    await ok('start', name);
    expect(await exitCode(killed.id)).toEqual([200, 137]);
    expect(await start(killed.id)).toEqual([409, `exec command ${killed.id} has already run`]);
    expect(await resize(over)).toEqual([404, `NotFound: process does not exist ${over}: not found`]);
    expect(await start(waiting)).toEqual(nowhere(waiting));
    await ok('rm', '-f', name);
    expect(await exitCode(over)).toEqual(nowhere(over));
    expect(await start(over)).toEqual([404, `No such container: ${over}`]);
  });
});
