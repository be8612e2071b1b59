import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeEngineServer, startFakeEngineServer } from '../../../test/support/fake-engine-server.js';
import { notFound } from '../../shared/errors.js';
import { ALL_ROUTES } from './all-routes.js';

let api: FakeEngineServer;

beforeEach(async () => {
  api = await startFakeEngineServer(ALL_ROUTES, {
    containers: {
      inspect: (ref) => {
        throw notFound(`No such container: ${ref}`);
      },
    },
  });
});

afterEach(() => api[Symbol.asyncDispose]());

it.each([
  ['GET', '/containers/c/checkpoints'],
  ['POST', '/containers/c/checkpoints'],
  ['DELETE', '/containers/c/checkpoints/one'],
])('answers %s %s with 501 outside of experimental mode', async (method, path) => {
  const reply = await api.call(method, path);
  expect(reply.status).toBe(501);
  expect(reply.body.message).toMatch(/^This experimental feature is disabled by default/);
});
