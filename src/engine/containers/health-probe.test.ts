import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { collectOutput } from './health-probe.js';

/** A socket on whose other side that has been written, and ended. */
async function ended(text: string): Promise<Socket> {
  const server = createServer((other) => other.end(text, 'latin1')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1' });
  await once(socket, 'connect');
  server.close();
  return socket;
}

function frame(text: string): string {
  const header = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(text.length, 4);
  return header.toString('latin1') + text;
}

describe('collectOutput', () => {
  it('takes the text out of the frames', async () => {
    expect(await collectOutput(await ended(frame('one ') + frame('two')))).toBe('one two');
  });

  it('keeps 4096 bytes', async () => {
    expect(await collectOutput(await ended(frame('x'.repeat(3000)) + frame('y'.repeat(3000))))).toBe(
      `${'x'.repeat(3000)}${'y'.repeat(1096)}...`,
    );
  });

  it('does not wait for an end that was told before', async () => {
    const socket = await ended('');
    if (!socket.readableEnded) await once(socket, 'end');
    expect(await collectOutput(socket)).toBe('');
  });
});
