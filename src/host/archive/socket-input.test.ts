import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type SocketPair, socketPair } from '../../../test/support/socket-pair.js';
import { duplicateFd } from '../sys/duplicate-fd.js';
import { SocketInput } from './socket-input.js';

let pair: SocketPair;
let client: Socket;
let accepted: Socket;

beforeEach(async () => {
  pair = await socketPair();
  ({ client, accepted } = pair);
});

afterEach(() => pair[Symbol.dispose]());

function open(head: string, lengthBytes: number | null, onEnd = (): void => undefined): SocketInput {
  const { fd } = (accepted as Socket & { _handle: { fd: number } })._handle;
  return new SocketInput({ fd: duplicateFd(fd), head: Buffer.from(head), lengthBytes }, onEnd);
}

async function readAll(input: SocketInput): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of input) chunks.push(Buffer.from(chunk));
  input.close();
  return Buffer.concat(chunks);
}

it('reads an announced length, of which some came with the head, and tells of the end', async () => {
  const content = randomBytes(3_000_000);
  let ended = 0;
  const input = open('head', content.length + 4, () => ended++);
  client.write(content);
  client.write('GET /next HTTP/1.1');
  expect((await readAll(input)).equals(Buffer.concat([Buffer.from('head'), content]))).toBe(true);
  expect(ended).toBe(1);
});

it('takes chunks apart, however they arrive', async () => {
  const pieces = Array.from({ length: 300 }, (_, index) => randomBytes(1 + ((index * 7919) % 40_000)));
  const input = open('3\r\nab', null);
  const reading = readAll(input);
  client.write('c\r\n');
  for (const [index, piece] of pieces.entries()) {
    const framed = Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]);
    client.write(framed.subarray(0, index % framed.length));
    if (index % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    client.write(framed.subarray(index % framed.length));
  }
  client.write('0\r\n\r\n');
  expect((await reading).equals(Buffer.concat([Buffer.from('abc'), ...pieces]))).toBe(true);
});

it('is at its end at once when all came with the head', async () => {
  let ended = 0;
  expect(String(await readAll(open('whole', 5, () => ended++)))).toBe('whole');
  expect(String(await readAll(open('', 0, () => ended++)))).toBe('');
  expect(ended).toBe(2);
});

it('fails when the client leaves, sends nonsense, or the job is given up', async () => {
  const input = open('', 10);
  const reading = readAll(input);
  client.end('half');
  await expect(reading).rejects.toThrow('client disconnected');
  await expect(readAll(open('nonsense\r\n', null))).rejects.toThrow('malformed chunked encoding');
  const given = open('', 10);
  given.fail(new Error('given up'));
  await expect(readAll(given)).rejects.toThrow('given up');
});
