import { closeSync, existsSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { poll } from '../../../test/support/poll.js';
import { silentLogger } from '../../shared/logger.js';
import { openBoundPort } from '../sys/socket.js';
import type { RelayPort } from './port-entry.js';
import type { PortRelays } from './port-relays.js';
import { dial, freePort, RelayLab } from './testing/relay-lab.js';

let lab: RelayLab;
let relays: PortRelays;
let callers: Socket[];

beforeEach(() => {
  lab = new RelayLab();
  relays = lab.newRelays();
  callers = [];
});
afterEach(async () => {
  for (const caller of callers) caller.destroy();
  relays.close();
  await lab[Symbol.asyncDispose]();
});

const patient = { timeoutMs: 30_000 };
const count = (pids: number) => poll(`${pids} relays`, async () => lab.pids().length === pids, patient);

/** A daemon that takes up what the former left. */
async function nextDaemon(binary?: string, claimed: [RelayPort, { address: string; port: number } | null][] = []) {
  relays.close();
  relays = lab.newRelays(binary);
  await relays.open();
  const reserved = claimed.map(([port, target]) => relays.reserve(port, target));
  relays.dropUnclaimed();
  await relays.settle(claimed.map(([port]) => port));
  return reserved;
}

/** One who talks with an echoing server, and hears its name first. */
async function caller(port: RelayPort): Promise<Socket> {
  const socket = connect({ host: port.hostIp, port: port.port }).setEncoding('utf8');
  callers.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'data');
  return socket;
}

async function says(socket: Socket, words: string): Promise<string> {
  socket.write(words);
  const [answer] = (await once(socket, 'data')) as [string];
  return answer;
}

describe('a relay of another version', () => {
  it('leaves its ports to the new one, and goes on with those who are connected', async () => {
    const [used, kept] = [freePort(), freePort()];
    const target = await lab.serve('echo', true);
    relays.reserve(used, target);
    relays.reserve(kept, null);
    await relays.settle([used, kept]);
    const [former] = lab.pids();
    const early = await caller(used);
    await nextDaemon(lab.otherVersion(), [
      [used, target],
      [kept, null],
    ]);
    expect(lab.pids()).toHaveLength(2);
    expect(lab.pids()).toContain(former);
    expect(await says(early, 'still there')).toBe('still there');
    const late = await caller(used);
    expect(await says(late, 'new')).toBe('new');
    expect(() => openBoundPort('tcp', '::1', kept.port, false)).toThrow('EADDRINUSE');
    early.end();
    await count(1);
    expect(lab.pids()).not.toContain(former);
    expect(await says(late, 'on')).toBe('on');
    expect(existsSync(`${lab.socketPath}.${former}`)).toBe(false);
  });

  it('is followed at once when nobody is connected, and one of the same program not at all', async () => {
    const [port, target] = [freePort(), await lab.serve('one')];
    relays.reserve(port, target);
    await relays.settle([port]);
    const before = lab.pids();
    await nextDaemon(undefined, [[port, target]]);
    expect(lab.pids()).toEqual(before);
    await nextDaemon(lab.otherVersion(), [[port, target]]);
    await count(1);
    expect(lab.pids()).not.toEqual(before);
    expect(await dial(port)).toBe('one');
  });

  it('cuts those who are connected when their port is given back or led elsewhere, also by a later daemon', async () => {
    const ports = [freePort(), freePort(), freePort()] as const;
    const [echo, other] = [await lab.serve('echo', true), await lab.serve('other')];
    for (const port of ports) relays.reserve(port, echo);
    await relays.settle(ports);
    const early = await Promise.all(ports.map(caller));
    const ended = early.map((socket) => once(socket, 'close'));
    const [first] = await nextDaemon(
      lab.otherVersion(),
      ports.map((port) => [port, echo]),
    );
    first?.[Symbol.dispose]();
    await relays.settle();
    await ended[0];
    // nobody has the port any more
    relays.reserve(ports[0], echo)[Symbol.dispose]();
    await nextDaemon(undefined, [[ports[1], other]]);
    await Promise.all(ended);
    expect(await dial(ports[1])).toBe('other');
    await count(1);
  });

  it('is ended when there are too many of them, the oldest first', async () => {
    const [port, target] = [freePort(), await lab.serve('echo', true)];
    relays.reserve(port, target);
    await relays.settle([port]);
    const sockets: Socket[] = [];
    let ended: Promise<unknown> = Promise.resolve();
    for (let version = 0; version < 5; version++) {
      const socket = await caller(port);
      if (version === 0) ended = once(socket, 'close');
      sockets.push(socket);
      await nextDaemon(lab.otherVersion(), [[port, target]]);
    }
    await ended;
    await count(5);
    for (const socket of sockets.slice(1)) expect(await says(socket, 'here')).toBe('here');
  });

  it('is ended when it can neither speak our version nor leave its ports', async () => {
    const heard: string[] = [];
    const former = createServer((socket) => {
      socket.setEncoding('utf8').on('data', (words: string) => {
        heard.push(words.trim());
        if (words === 'hello\n') return socket.write('relay 1\n');
        former.close();
        return socket.destroy();
      });
    });
    former.listen(lab.socketPath);
    await once(former, 'listening');
    const [port, target] = [freePort(), await lab.serve('one')];
    await nextDaemon(undefined, [[port, target]]);
    expect(heard).toEqual(['hello', 'quit']);
    expect(await dial(port)).toBe('one');
  });

  it('keeps its ports when the new one does not run', async () => {
    const [port, target] = [freePort(), await lab.serve('one')];
    relays.reserve(port, target);
    await relays.settle([port]);
    const before = lab.pids();
    const broken = lab.otherVersion();
    writeFileSync(broken, '#!/bin/false\n', { mode: 0o755 });
    await nextDaemon(broken, [[port, target]]);
    expect(lab.pids()).toEqual(before);
    expect(await dial(port)).toBe('one');
  });
});

describe('a relay whose socket was removed', () => {
  it.each(['removed', 'replaced by a file'])('is found again (%s), with its ports and connections', async (how) => {
    const [port, target] = [freePort(), await lab.serve('echo', true)];
    relays.reserve(port, target);
    await relays.settle([port]);
    const [before, socket] = [lab.pids(), await caller(port)];
    unlinkSync(lab.socketPath);
    if (how !== 'removed') writeFileSync(lab.socketPath, '');
    await nextDaemon(undefined, [[port, target]]);
    expect(lab.pids()).toEqual(before);
    expect(await says(socket, 'still there')).toBe('still there');
  });

  it('is replaced when it does not come back', async () => {
    const [port, target] = [freePort(), await lab.serve('one')];
    relays.reserve(port, target);
    await relays.settle([port]);
    const before = lab.pids();
    lab.kill('SIGSTOP');
    unlinkSync(lab.socketPath);
    await nextDaemon(undefined, [[port, target]]);
    expect(await dial(port)).toBe('one');
    await count(1);
    expect(lab.pids()).not.toEqual(before);
  });

  it('is found again when it has left its ports to another', async () => {
    const [port, target] = [freePort(), await lab.serve('echo', true)];
    relays.reserve(port, target);
    await relays.settle([port]);
    const [former] = lab.pids();
    const socket = await caller(port);
    const version = lab.otherVersion();
    const [reserved] = await nextDaemon(version, [[port, target]]);
    rmSync(`${lab.socketPath}.${former}`);
    await nextDaemon(version, [[port, target]]);
    expect(await says(socket, 'still there')).toBe('still there');
    await nextDaemon(version);
    await count(0);
    reserved?.[Symbol.dispose]();
  });
});

describe('a relay that does not answer', () => {
  it('is replaced', async () => {
    const [port, target] = [freePort(), await lab.serve('one')];
    relays.reserve(port, target);
    await relays.settle([port]);
    const before = lab.pids();
    lab.kill('SIGSTOP');
    await nextDaemon(undefined, [[port, target]]);
    expect(await dial(port)).toBe('one');
    expect(lab.pids()).not.toEqual(before);
    expect(lab.pids()).toHaveLength(1);
  });
});

describe('a port that somebody has taken while there was no relay', () => {
  const lost = 'the relay does not have a published port; it is tried again';
  const found = 'the relay has the published port again';
  let told: string[];
  let port: RelayPort;

  beforeEach(() => {
    told = [];
    const tell = (_: unknown, message?: string): void => void told.push(message ?? '');
    relays = lab.newRelays(undefined, { ...silentLogger, info: tell, error: tell });
    port = freePort();
  });

  it('is tried again until it can be had', async () => {
    const fd = openBoundPort('tcp', '::1', port.port, false);
    relays.reserve(port, await lab.serve('one'), true);
    await expect(relays.settle([port])).rejects.toThrow('EADDRINUSE');
    // told once, however often it is tried
    await relays.settle();
    expect(told).toEqual([lost]);
    closeSync(fd);
    await poll('the port to be relayed', async () => told.includes(found), patient);
    expect(told).toEqual([lost, found]);
    expect(await dial(port)).toBe('one');
  });

  it('is tried again when the relay was killed', async () => {
    relays.reserve(port, await lab.serve('one'));
    await relays.settle([port]);
    lab.kill('SIGKILL');
    // nothing else is done here meanwhile
    const fd = boundAtLast(port);
    await poll('a try', async () => told.includes(lost), patient);
    closeSync(fd);
    await poll('the port to be relayed', async () => told.includes(found), patient);
    expect(told).toEqual([lost, found]);
    expect(await dial(port)).toBe('one');
  });
});

function boundAtLast({ port }: RelayPort): number {
  for (const deadline = Date.now() + 30_000; ;) {
    try {
      return openBoundPort('tcp', '::1', port, false);
    } catch (error) {
      if (Date.now() > deadline) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
