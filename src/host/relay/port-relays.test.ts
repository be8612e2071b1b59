import { closeSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { createSocket } from 'node:dgram';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { poll } from '../../../test/support/poll.js';
import { openBoundPort } from '../sys/socket.js';
import type { RelayPort } from './port-entry.js';
import type { PortRelays } from './port-relays.js';
import { dial, freePort, RelayLab } from './testing/relay-lab.js';

let lab: RelayLab;
let relays: PortRelays;

beforeEach(() => {
  lab = new RelayLab();
  relays = lab.newRelays();
});
afterEach(async () => {
  relays.close();
  await lab[Symbol.asyncDispose]();
});

describe('PortRelays', () => {
  it('passes on what comes to a port, by one process for all, which ends when the last port is gone', async () => {
    const [one, other] = [freePort(), freePort()];
    const reserved = [relays.reserve(one, await lab.serve('one')), relays.reserve(other, await lab.serve('other'))];
    await relays.settle([one, other]);
    expect(await dial(one)).toBe('one');
    expect(await dial(other)).toBe('other');
    expect(lab.pids()).toHaveLength(1);
    for (const reservation of reserved) reservation[Symbol.dispose]();
    await relays.settle();
    expect(await dial(one)).toBe('ECONNREFUSED');
    expect(await dial(other)).toBe('ECONNREFUSED');
    await poll('the relay to end', async () => lab.pids().length === 0, { timeoutMs: 30_000 });
  });

  it('tells of a port that is taken at once', async () => {
    const port = freePort();
    const fd = openBoundPort('tcp', '::1', port.port, false);
    expect(() => relays.reserve(port, { address: '127.0.0.1', port: 1 })).toThrow('EADDRINUSE');
    closeSync(fd);
    await relays.settle();
    expect(lab.pids()).toEqual([]);
  });

  it('gives a port that is given back and taken again at once to its new target', async () => {
    const port = freePort();
    const first = relays.reserve(port, await lab.serve('first'));
    await relays.settle([port]);
    first[Symbol.dispose]();
    relays.reserve(port, await lab.serve('second'));
    await relays.settle([port]);
    expect(await dial(port)).toBe('second');
  });

  it('gives a port that is taken again while the relay drops it to its new target', async () => {
    const port = freePort();
    const first = relays.reserve(port, await lab.serve('first'));
    await relays.settle([port]);
    const second = await lab.serve('second');
    lab.kill('SIGSTOP');
    first[Symbol.dispose]();
    const settled = relays.settle();
    // the request is on its way by then
    await new Promise(setImmediate);
    const reservation = relays.reserve(port, second);
    lab.kill('SIGCONT');
    await Promise.all([settled, relays.settle([port])]);
    expect(await dial(port)).toBe('second');
    reservation[Symbol.dispose]();
    await relays.settle();
    expect(await dial(port)).toBe('ECONNREFUSED');
  });

  it('goes on without a daemon, and the next one takes up what it wants', async () => {
    const [kept, dropped] = [freePort(), freePort()];
    for (const port of [kept, dropped]) relays.reserve(port, await lab.serve('former'));
    await relays.settle([kept, dropped]);
    const pids = lab.pids();
    relays.close();
    expect(await dial(kept)).toBe('former');
    relays = lab.newRelays();
    await relays.open();
    const reservation = relays.reserve(kept, await lab.serve('next'));
    relays.dropUnclaimed();
    await relays.settle([kept]);
    expect(await dial(kept)).toBe('next');
    expect(await dial(dropped)).toBe('ECONNREFUSED');
    expect(lab.pids()).toEqual(pids);
    reservation[Symbol.dispose]();
    await relays.settle();
    expect(await dial(kept)).toBe('ECONNREFUSED');
  });

  it('keeps ports that the firewall leads elsewhere from others, also without a daemon', async () => {
    const port = freePort();
    relays.reserve(port, null);
    await relays.settle([port]);
    relays.close();
    expect(() => openBoundPort('tcp', '::1', port.port, false)).toThrow('EADDRINUSE');
    expect(await dial(port)).toBe('ECONNREFUSED');
    relays = lab.newRelays();
    await relays.open();
    const served = relays.reserve(port, await lab.serve('served'));
    await relays.settle([port]);
    expect(await dial(port)).toBe('served');
    served[Symbol.dispose]();
    await relays.settle();
    expect(await dial(port)).toBe('ECONNREFUSED');
  });

  it('starts another process when it is killed', async () => {
    const port = freePort();
    relays.reserve(port, await lab.serve('still there'));
    await relays.settle([port]);
    lab.kill('SIGKILL');
    await poll('an answer', async () => (await dial(port)) === 'still there', { timeoutMs: 30_000 });
  });

  it('drops what was given back while the connection was lost', async () => {
    const [kept, dropped] = [freePort(), freePort()];
    relays.dropUnclaimed();
    relays.reserve(kept, await lab.serve('kept'));
    const reservation = relays.reserve(dropped, await lab.serve('dropped'));
    await relays.settle([kept, dropped]);
    // the relay listens to the last who comes
    const intruder = connect(lab.socketPath);
    intruder.write('hello\n');
    await once(intruder, 'data');
    reservation[Symbol.dispose]();
    await poll('the port to be free', async () => (await dial(dropped)) === 'ECONNREFUSED', { timeoutMs: 30_000 });
    expect(await dial(kept)).toBe('kept');
    expect(lab.pids()).toHaveLength(1);
    intruder.destroy();
  });

  it('carries hundreds of ports and datagrams', async () => {
    const target = await lab.serve('many');
    const ports = Array.from({ length: 200 }, freePort);
    const unique = [...new Map(ports.map((port) => [port.port, port])).values()];
    for (const port of unique) relays.reserve(port, target);
    const container = createSocket('udp4');
    container.on('message', (message, from) => container.send(`re: ${message.toString()}`, from.port, from.address));
    container.bind(0, '127.0.0.1');
    await once(container, 'listening');
    const udp: RelayPort = { ...unique[0]!, proto: 'udp' };
    relays.reserve(udp, { address: '127.0.0.1', port: container.address().port });
    await relays.settle([...unique, udp]);
    for (const port of [unique[0]!, unique.at(-1)!]) expect(await dial(port)).toBe('many');
    const caller = createSocket('udp6');
    caller.send('hello', udp.port, '::1');
    const [answer] = (await once(caller, 'message')) as [Buffer];
    expect(answer.toString()).toBe('re: hello');
    caller.close();
    container.close();
  });
});
