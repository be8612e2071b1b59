import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request, type RequestOptions } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { RouteDefinition } from '../../src/api/http/route.js';
import { createApiServer } from '../../src/api/http/server.js';
import type { Engine } from '../../src/engine/engine.js';
import { silentLogger } from '../../src/shared/logger.js';

type Fakes = { [Service in keyof Engine]?: Partial<Engine[Service]> };

/** Some of the API's routes over a made-up engine, on a unix socket of its own. Dispose of it. */
export interface FakeEngineServer extends AsyncDisposable {
  readonly socketPath: string;
  /** Resolves when the headers are there. `body` objects go as JSON. */
  open(method: string, path: string, options?: OpenOptions): Promise<IncomingMessage>;
  /** Status and whole body, parsed when it is JSON. */
  call(method: string, path: string, options?: OpenOptions): Promise<{ status: number; body: any; headers: any }>;
}

export interface OpenOptions extends RequestOptions {
  body?: unknown;
}

export async function startFakeEngineServer(
  routes: readonly RouteDefinition[],
  fakes: Fakes,
  { experimental = false } = {},
): Promise<FakeEngineServer> {
  const folder = mkdtempSync(join(tmpdir(), 'wharf-routes-'));
  const socketPath = join(folder, 'api.sock');
  const server = await createApiServer({
    engine: fakes as Engine,
    logger: silentLogger,
    facts: { version: '29.0.0', experimental, builderVersion: '1' },
    routes,
  });
  await server.listen(`unix://${socketPath}`, { tls: null, group: '', groupIsDefault: true });
  const open = (method: string, path: string, { body, ...options }: OpenOptions = {}): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      const isText = typeof body === 'string' || Buffer.isBuffer(body);
      const payload = body === undefined ? undefined : isText ? body : JSON.stringify(body);
      const headers = {
        ...(payload === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': payload.length }),
        ...options.headers,
      };
      request({ socketPath, method, path, ...options, headers }, resolve)
        .on('error', reject)
        .end(payload);
    });
  return {
    socketPath,
    open,
    call: async (method, path, options) => {
      const response = await open(method, path, options);
      const content = await text(response);
      const isJson = response.headers['content-type'] === 'application/json';
      const body = isJson && content !== '' ? JSON.parse(content) : content;
      return { status: response.statusCode ?? 0, body, headers: response.headers };
    },
    [Symbol.asyncDispose]: async () => {
      await server.close(100);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
