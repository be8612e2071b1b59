import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takenByPeer } from './taken-by-peer.js';

let directory: string;
let server: Server;
let ours: Socket;
let client: Socket;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'wharf-taken-'));
  const path = join(directory, 's');
  const accepted = new Promise<Socket>((resolve) => (server = createServer(resolve)));
  await new Promise<void>((resolve) => server.listen(path, resolve));
  client = connect(path).pause();
  ours = await accepted;
});
afterEach(() => {
  client.destroy();
  ours.destroy();
  server.close();
  rmSync(directory, { recursive: true });
});

describe('takenByPeer', () => {
  it('waits for the client to read', async () => {
    let taken = false;
    ours.write('HTTP/1.1 101 UPGRADED\r\n\r\n');
    const waiting = takenByPeer(ours, 60_000).then(() => (taken = true));
    await delay(50);
    expect(taken).toBe(false);
    client.resume();
    await waiting;
  });

  it('does not wait for ever, nor for who is gone, nor where nothing can be told', async () => {
    ours.write('unread');
    await takenByPeer(ours, 5);
    const waiting = takenByPeer(ours, 60_000);
    ours.destroy();
    await waiting;
    await takenByPeer(new PassThrough(), 60_000);
  });
});
