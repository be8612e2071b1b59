import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeEngineServer, startFakeEngineServer } from '../../../test/support/fake-engine-server.js';
import type { ExecConfig } from '../../engine/exec/exec-service.js';
import { conflict } from '../../shared/errors.js';
import { EXEC_ROUTES } from './exec.js';

let api: FakeEngineServer;
let created: ExecConfig[];
let started: unknown[];

beforeEach(async () => {
  created = [];
  started = [];
  api = await startFakeEngineServer(EXEC_ROUTES, {
    exec: {
      create: async (_ref, config) => {
        created.push(config);
        return 'e1';
      },
      start: async (id, options) => {
        if (id === 'ran') throw conflict('exec command ran has already run');
        started.push(options);
        if (options.detach) return null;
        return { tty: true, run: async (client) => void client.end('output') };
      },
      inspect: (id) => ({
        id,
        containerId: 'c',
        running: false,
        exitCode: null,
        canRemove: false,
        pid: 0,
        config: { ...(created[0] as ExecConfig), detachKeys: 'ctrl-a', user: '0' },
        entrypoint: 'ls',
        args: ['/'],
      }),
    },
  });
});

afterEach(() => api[Symbol.asyncDispose]());

const body = { Cmd: ['ls', '/'], Env: ['A=b'], WorkingDir: '/w', ConsoleSize: [3, 4], AttachStdout: true };

it('creates, with the fields of the version', async () => {
  expect(await api.call('POST', '/containers/c/exec', { body })).toMatchObject({ status: 201, body: { Id: 'e1' } });
  await api.call('POST', '/v1.24/containers/c/exec', { body });
  expect(created[0]).toMatchObject({ cmd: ['ls', '/'], env: ['A=b'], workingDir: '/w', consoleSize: [3, 4] });
  expect(created[1]).toMatchObject({ cmd: ['ls', '/'], env: [], workingDir: '', consoleSize: null });
});

it('refuses a command that is no list', async () => {
  const reply = await api.call('POST', '/containers/c/exec', { body: { Cmd: 'ls' } });
  expect(reply.status).toBe(400);
  expect(reply.body.message).toBe(
    'invalid JSON: json: cannot unmarshal string into Go struct field ExecOptions.Cmd of type []string',
  );
  expect(created).toEqual([]);
});

it('starts detached with 200, attached with a hijacked stream', async () => {
  const detached = await api.call('POST', '/exec/e1/start', { body: { Detach: true, ConsoleSize: [1, 2] } });
  expect(detached).toMatchObject({ status: 200, body: '' });
  const attached = await api.call('POST', '/v1.41/exec/e1/start', { body: { ConsoleSize: [1, 2] } });
  expect(attached).toMatchObject({ status: 200, body: 'output' });
  expect(attached.headers['content-type']).toBe('application/vnd.docker.raw-stream');
  expect(started).toEqual([
    { detach: true, tty: false, consoleSize: [1, 2] },
    { detach: false, tty: false, consoleSize: null },
  ]);
});

it('answers a second start with 409 as JSON', async () => {
  expect(await api.call('POST', '/exec/ran/start', { body: {} })).toMatchObject({
    status: 409,
    body: { message: 'exec command ran has already run' },
  });
});

it('inspects as dockerd prints it', async () => {
  await api.call('POST', '/containers/c/exec', { body });
  expect((await api.call('GET', '/exec/e1/json')).body).toEqual({
    ID: 'e1',
    Running: false,
    ExitCode: null,
    ProcessConfig: { tty: false, entrypoint: 'ls', arguments: ['/'], privileged: false, user: '0' },
    OpenStdin: false,
    OpenStderr: false,
    OpenStdout: true,
    CanRemove: false,
    ContainerID: 'c',
    DetachKeys: 'AQ==',
    Pid: 0,
  });
});
