import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FakeEngineServer, startFakeEngineServer } from '../../../test/support/fake-engine-server.js';
import type { WaitResult } from '../../engine/containers/container.js';
import { notModified } from '../../shared/errors.js';
import { CONTAINER_LIFECYCLE_ROUTES } from './container-lifecycle.js';

let api: FakeEngineServer;
let calls: unknown[];
let exit: (result: WaitResult) => void;
let waitSignal: AbortSignal;

beforeEach(async () => {
  calls = [];
  const record = async (...call: unknown[]): Promise<void> => void calls.push(call);
  api = await startFakeEngineServer(CONTAINER_LIFECYCLE_ROUTES, {
    containers: {
      start: async (ref) => {
        if (ref === 'running') throw notModified('');
        calls.push(ref);
      },
      stop: record,
      kill: record,
      resize: record,
      wait: async (_ref, condition, signal) => {
        calls.push(condition);
        waitSignal = signal;
        return { done: new Promise((resolve) => (exit = resolve)) };
      },
    },
  });
});

afterEach(() => api[Symbol.asyncDispose]());

describe('start', () => {
  it.each(['null', '{}', undefined])('accepts a body of %s', async (body) => {
    expect((await api.call('POST', '/containers/c/start', { body })).status).toBe(204);
    expect(calls).toEqual(['c']);
  });

  it('refuses the HostConfig of old', async () => {
    const reply = await api.call('POST', '/containers/c/start', { body: { HostConfig: {} } });
    expect(reply.status).toBe(400);
    expect(reply.body.message).toBe(
      'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
    );
    expect(calls).toEqual([]);
  });

  it('answers 304 when it runs, and 400 to a checkpoint', async () => {
    expect((await api.call('POST', '/containers/running/start')).status).toBe(304);
    expect((await api.call('POST', '/containers/c/start?checkpoint=x')).status).toBe(400);
  });

  it('takes no checkpoint in silence in experimental mode', async () => {
    await using experimental = await startFakeEngineServer(CONTAINER_LIFECYCLE_ROUTES, {}, { experimental: true });
    expect((await experimental.call('POST', '/containers/c/start?checkpoint=x')).status).toBe(501);
  });
});

describe('stop, kill, resize', () => {
  it('knows a signal from 1.42 on, and an absent timeout', async () => {
    await api.call('POST', '/v1.41/containers/c/stop?t=0&signal=INT');
    await api.call('POST', '/v1.42/containers/c/stop?t=-1&signal=INT');
    await api.call('POST', '/v1.42/containers/c/stop');
    expect(calls).toEqual([
      ['c', { timeoutSec: 0, signal: '' }],
      ['c', { timeoutSec: -1, signal: 'INT' }],
      ['c', { timeoutSec: null, signal: '' }],
    ]);
    expect((await api.call('POST', '/containers/c/stop?t=abc')).status).toBe(400);
  });

  it('kills with the signal given', async () => {
    expect((await api.call('POST', '/containers/c/kill?signal=9')).status).toBe(204);
    expect(calls).toEqual([['c', '9']]);
  });

  it.each([
    ['h=a&w=1', 'invalid resize height "a": invalid syntax'],
    ['h=1', 'invalid resize width "": invalid syntax'],
    ['h=1&w=-1', 'invalid resize width "-1": value out of range'],
    ['h=4294967296&w=1', 'invalid resize height "4294967296": value out of range'],
  ])('refuses to resize to %s', async (query, message) => {
    expect(await api.call('POST', `/containers/c/resize?${query}`)).toMatchObject({ status: 400, body: { message } });
  });

  it('resizes to height and width', async () => {
    expect((await api.call('POST', '/containers/c/resize?h=10&w=20')).status).toBe(200);
    expect(calls).toEqual([['c', 10, 20]]);
  });
});

describe('wait', () => {
  it.each(['', 'condition=not-running', 'condition=next-exit', 'condition=removed'])(
    'sends the headers before the exit (%s)',
    async (query) => {
      const response = await api.open('POST', `/v1.30/containers/c/wait?${query}`);
      expect(response.statusCode).toBe(200);
      expect(response.headers['content-type']).toBe('application/json');
      exit({ statusCode: 3, error: '' });
      expect(JSON.parse(await text(response))).toEqual({ StatusCode: 3 });
      expect(calls).toEqual([query.replace('condition=', '') || 'not-running']);
    },
  );

  it('names an error', async () => {
    const response = await api.open('POST', '/containers/c/wait');
    exit({ statusCode: 0, error: 'lost' });
    expect(JSON.parse(await text(response))).toEqual({ StatusCode: 0, Error: { Message: 'lost' } });
  });

  it('refuses an unknown condition, which clients below 1.30 can not give', async () => {
    expect(await api.call('POST', '/containers/c/wait?condition=foo')).toMatchObject({
      status: 400,
      body: { message: 'invalid condition: "foo"' },
    });
    const reply = api.call('POST', '/v1.29/containers/c/wait?condition=foo');
    await expect.poll(() => calls).toEqual(['not-running']);
    exit({ statusCode: 1, error: '' });
    expect((await reply).body).toEqual({ StatusCode: 1 });
  });

  it('tells the engine when the client goes away', async () => {
    const response = await api.open('POST', '/containers/c/wait');
    response.destroy();
    await expect.poll(() => waitSignal.aborted).toBe(true);
    exit({ statusCode: 0, error: '' });
  });
});
