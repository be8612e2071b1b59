import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, request, type ClientRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sendFile } from './send-file.js';

const CONTENT = randomBytes(1_500_001);

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-send-'));
  path = join(folder, 'blob');
  writeFileSync(path, CONTENT);
});
afterEach(() => rmSync(folder, { recursive: true }));

const send = (to: Writable): Promise<void> => sendFile(path, { start: 0, end: CONTENT.length }, to, () => undefined);

it.each([
  ['all', 0, CONTENT.length],
  ['a part', 300_000, 1_000_000],
  ['nothing', 5, 5],
])('sends %s, and says how far it is', async (_, start, end) => {
  const received: Buffer[] = [];
  // Looks at the bytes late: the buffers must not be used again before.
  const to = new Writable({
    write: (chunk: Buffer, _encoding, done) =>
      void setTimeout(() => {
        received.push(Buffer.from(chunk));
        done();
      }, 5),
  });
  const positions: number[] = [];
  await sendFile(path, { start, end }, to, (position) => positions.push(position));
  expect(Buffer.concat(received).equals(CONTENT.subarray(start, end))).toBe(true);
  expect(positions.at(-1) ?? end).toBe(end);
});

it('sends over HTTP what the file has', async () => {
  const received: Promise<Buffer>[] = [];
  const server = createServer((incoming, reply) => {
    received.push(buffer(incoming));
    incoming.on('end', () => reply.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const headers = { 'content-length': CONTENT.length };
    const outgoing = request({ host: '127.0.0.1', port, method: 'PUT', headers, agent: false });
    const answered = new Promise((resolve, reject) => outgoing.on('response', resolve).on('error', reject));
    await send(outgoing);
    outgoing.end();
    await answered;
    expect((await received[0]!).equals(CONTENT)).toBe(true);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it('rejects for a file that is missing or shorter', async () => {
  truncateSync(path, 1000);
  await expect(send(new PassThrough().resume())).rejects.toThrow('ends at byte 1000 of 1500001');
  rmSync(path);
  await expect(send(new PassThrough().resume())).rejects.toThrow('ENOENT');
});

it('rejects when the stream breaks, even before it is connected', async () => {
  const full = new PassThrough();
  const stuck = send(full);
  full.on('data', () => full.pause()).once('data', () => full.destroy());
  await expect(stuck).rejects.toThrow('closed before all was written');

  const gone = createServer().listen(0, '127.0.0.1');
  await once(gone, 'listening');
  const { port } = gone.address() as AddressInfo;
  gone.close();
  const outgoing: ClientRequest = request({ host: '127.0.0.1', port, agent: false, method: 'PUT' });
  outgoing.on('error', () => undefined);
  await expect(send(outgoing)).rejects.toThrow(/ECONNREFUSED|closed before all was written/);

  const closed = new PassThrough().destroy();
  await expect(send(closed)).rejects.toThrow('closed before all was written');
});
