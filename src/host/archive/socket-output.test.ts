import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type SocketPair, socketPair } from '../../../test/support/socket-pair.js';
import { HttpBodyDecoder } from '../../shared/http-body-decoder.js';
import { duplicateFd } from '../sys/duplicate-fd.js';
import { SocketOutput } from './socket-output.js';

let pair: SocketPair;
let client: Socket;
let accepted: Socket;

beforeEach(async () => {
  pair = await socketPair();
  ({ client, accepted } = pair);
});

afterEach(() => pair[Symbol.dispose]());

function open(signal: AbortSignal): SocketOutput {
  const { fd } = (accepted as Socket & { _handle: { fd: number } })._handle;
  return new SocketOutput(duplicateFd(fd), signal);
}

/** What the client has read of the body when it is complete. */
function received(): Promise<Buffer> {
  const decoder = new HttpBodyDecoder(null);
  const pieces: Buffer[] = [];
  return new Promise((resolve, reject) => {
    client.on('error', reject).on('data', (data: Buffer) => {
      decoder.push(data, (piece) => pieces.push(Buffer.from(piece)));
      if (decoder.done) resolve(Buffer.concat(pieces));
    });
  });
}

it('writes chunks and their end, to a client that reads when it likes', async () => {
  const chunks = [1, 0, 70_000, 3_000_000, 16, 250_000].map((bytes) => randomBytes(bytes));
  const output = open(new AbortController().signal);
  client.pause();
  const writing = (async () => {
    for (const chunk of chunks) await output.write(chunk);
    await output.end();
  })();
  // It waits now: the socket holds less than that.
  expect(await Promise.race([writing.then(() => 'done'), new Promise((resolve) => setImmediate(resolve))])).not.toBe(
    'done',
  );
  const body = received();
  client.resume();
  await writing;
  expect((await body).equals(Buffer.concat(chunks))).toBe(true);
  output.close();
});

it('writes nothing but the end of an empty body', async () => {
  const output = open(new AbortController().signal);
  await output.end();
  output.close();
  expect(await received()).toHaveLength(0);
});

it('fails when the client leaves, or the job is given up while the client does not read', async () => {
  const abort = new AbortController();
  const given = open(abort.signal);
  const writing = given.write(randomBytes(3_000_000));
  setImmediate(() => abort.abort(new Error('given up')));
  await expect(writing).rejects.toThrow('given up');
  given.close();
  const left = open(new AbortController().signal);
  client.destroy();
  await once(client, 'close');
  await expect(left.write(randomBytes(3_000_000))).rejects.toThrow('client disconnected');
  left.close();
});
