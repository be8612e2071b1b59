import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { gunzipSync, inflateSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type FakeEngineServer, startFakeEngineServer } from '../../../test/support/fake-engine-server.js';
import { notFound } from '../../shared/errors.js';
import { CONTAINER_ARCHIVE_ROUTES } from './container-archive.js';

const stat = { name: 'bin', sizeBytes: 4096, mode: 2147484141, mtime: '2026-11-21T01:45:28Z', linkTarget: '' };
/** As dockerd 28.5 encodes that. */
const HEADER =
  'eyJuYW1lIjoiYmluIiwic2l6ZSI6NDA5NiwibW9kZSI6MjE0NzQ4NDE0MSwibXRpbWUiOiIyMDI2LTExLTIxVDAxOjQ1OjI4WiIsImxpbmtUYXJnZXQiOiIifQ==';

let api: FakeEngineServer;
let put: unknown[];

beforeEach(async () => {
  put = [];
  const known = (path: string): void => {
    if (path === '/no') throw notFound('Could not find the file /no in container c');
  };
  api = await startFakeEngineServer(CONTAINER_ARCHIVE_ROUTES, {
    containers: {
      statPath: async (_ref, path) => {
        known(path);
        return stat;
      },
      getArchive: async (_ref, path) => {
        known(path);
        return { stat, tar: Readable.from([Buffer.from('tar bytes')]) };
      },
      putArchive: async (_ref, path, tar, options) => {
        known(path);
        put.push(path, await text(tar), options);
      },
    },
  });
});

afterEach(() => api[Symbol.asyncDispose]());

it('tells of a path in a header', async () => {
  const reply = await api.call('HEAD', '/containers/c/archive?path=/bin');
  expect(reply.status).toBe(200);
  expect(reply.headers['x-docker-container-path-stat']).toBe(HEADER);
});

it.each([
  [undefined, undefined, (packed: Buffer) => packed],
  ['gzip, deflate', 'gzip', gunzipSync],
  ['deflate;q=0.5', 'deflate', inflateSync],
  ['br', undefined, (packed: Buffer) => packed],
])('sends a tar to a client that accepts %s', async (accepted, encoding, unpack) => {
  const headers = accepted === undefined ? {} : { 'Accept-Encoding': accepted };
  const response = await api.open('GET', '/containers/c/archive?path=/bin', { headers });
  expect(response.headers).toMatchObject({
    'content-type': 'application/x-tar',
    'x-docker-container-path-stat': HEADER,
  });
  expect(response.headers['content-encoding']).toBe(encoding);
  expect(String(unpack(await buffer(response)))).toBe('tar bytes');
});

it('takes a tar', async () => {
  const path = '/containers/c/archive?path=/bin&noOverwriteDirNonDir=1&copyUIDGID=true';
  const reply = await api.call('PUT', path, { body: 'tar', headers: { 'Content-Type': 'application/x-tar' } });
  expect(reply.status).toBe(200);
  expect(put).toEqual(['/bin', 'tar', { noOverwriteDirNonDir: true, copyUidGid: true }]);
});

it.each(['GET', 'PUT'])('answers %s of no path with 400 and of a missing one with 404', async (method) => {
  expect(await api.call(method, '/containers/c/archive')).toMatchObject({
    status: 400,
    body: { message: 'bad parameter: pathcannot be empty' },
  });
  expect((await api.call(method, '/containers/c/archive?path=/no')).status).toBe(404);
});
