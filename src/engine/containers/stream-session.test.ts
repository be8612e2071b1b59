import { Duplex, PassThrough } from 'node:stream';
import type { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { relay } from './stream-session.js';

/** Both ends of a connection. What one writes the other reads; ends are half closes. */
function connection(): [Duplex, Duplex] {
  const there = new PassThrough();
  const back = new PassThrough();
  const make = (readable: PassThrough, writable: PassThrough): Duplex => Duplex.from({ readable, writable });
  return [make(there, back), make(back, there)];
}

const session = { stdin: true, detachKeys: null, recorded: () => Promise.resolve(), onDetach: () => undefined };

describe('relay', () => {
  it('ends the client when the process and its output were over before it began', async () => {
    const [client, clientSide] = connection();
    const [shim, shimSide] = connection();
    shimSide.end();
    shim.resume();
    await new Promise((resolve) => shim.once('end', resolve));
    clientSide.resume();
    const over = new Promise((resolve) => clientSide.once('end', resolve));
    await relay(client, shim as Socket, session);
    await over;
  });

  it("ends the process's input when the client's was over before it began", async () => {
    const [client, clientSide] = connection();
    const [shim, shimSide] = connection();
    clientSide.end();
    client.resume();
    await new Promise((resolve) => client.once('end', resolve));
    shimSide.resume();
    const inputOver = new Promise((resolve) => shimSide.once('end', resolve));
    const relayed = relay(client, shim as Socket, session);
    await inputOver;
    shimSide.end();
    clientSide.resume();
    await relayed;
    expect(client.writableEnded).toBe(true);
  });
});
