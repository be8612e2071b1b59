import { closeSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { createSocket } from 'node:dgram';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { poll } from '../../../test/support/poll.js';
import { hasCode } from '../../shared/errors.js';
import { silentLogger } from '../../shared/logger.js';
import { openBoundPort } from '../sys/socket.js';
import { PortRelays, type RelayPort } from './port-relays.js';

let dir: string;
let relays: PortRelays;
let servers: Server[];

const newRelays = (): PortRelays =>
  new PortRelays({
    binary: fileURLToPath(new URL('../../../shim/build/wharf-shim', import.meta.url)),
    socketPath: join(dir, 'relay.sock'),
    logPath: join(dir, 'relay.log'),
    log: silentLogger,
  });

beforeEach(() => {
  dir = mkdtempSync('/var/tmp/wr-');
  servers = [];
  relays = newRelays();
});
afterEach(async () => {
  for (const server of servers) server.close();
  relays.close();
  for (const pid of relayPids()) process.kill(pid, 'SIGKILL');
  await poll('the relay to end', async () => relayPids().length === 0);
  rmSync(dir, { recursive: true });
});

function relayPids(): number[] {
  const isOurs = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(join(dir, 'relay.sock'));
    } catch {
      return false; // it ended meanwhile
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isOurs(name))
    .map(Number);
}

/** Says its name to whoever connects. */
async function serve(name: string): Promise<{ address: string; port: number }> {
  const server = createServer((socket) => socket.on('error', () => undefined).end(name));
  servers.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
}

/** A port of ::1 that nobody has, below those that the kernel gives to callers. */
function freePort(): RelayPort {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    try {
      closeSync(openBoundPort('tcp', '::1', port, false));
      return { proto: 'tcp', hostIp: '::1', port };
    } catch (error) {
      if (!hasCode(error, 'EADDRINUSE')) throw error;
    }
  }
}

const dial = ({ hostIp, port }: RelayPort): Promise<string> =>
  text(connect({ host: hostIp, port })).catch((error: Error & { code?: string }) => error.code ?? error.message);

describe('PortRelays', () => {
  it('passes on what comes to a port, by one process for all, which ends when the last port is gone', async () => {
    const [one, other] = [freePort(), freePort()];
    const reserved = [relays.reserve(one, await serve('one')), relays.reserve(other, await serve('other'))];
    await relays.settle([one, other]);
    expect(await dial(one)).toBe('one');
    expect(await dial(other)).toBe('other');
    expect(relayPids()).toHaveLength(1);
    for (const reservation of reserved) reservation[Symbol.dispose]();
    await relays.settle();
    expect(await dial(one)).toBe('ECONNREFUSED');
    expect(await dial(other)).toBe('ECONNREFUSED');
    await poll('the relay to end', async () => relayPids().length === 0, { timeoutMs: 30_000 });
  });

  it('tells of a port that is taken at once', async () => {
    const port = freePort();
    const fd = openBoundPort('tcp', '::1', port.port, false);
    expect(() => relays.reserve(port, { address: '127.0.0.1', port: 1 })).toThrow('EADDRINUSE');
    closeSync(fd);
    await relays.settle();
    expect(relayPids()).toEqual([]);
  });

  it('gives a port that is given back and taken again at once to its new target', async () => {
    const port = freePort();
    const first = relays.reserve(port, await serve('first'));
    await relays.settle([port]);
    first[Symbol.dispose]();
    relays.reserve(port, await serve('second'));
    await relays.settle([port]);
    expect(await dial(port)).toBe('second');
  });

  it('gives a port that is taken again while the relay drops it to its new target', async () => {
    const port = freePort();
    const first = relays.reserve(port, await serve('first'));
    await relays.settle([port]);
    const second = await serve('second');
    for (const pid of relayPids()) process.kill(pid, 'SIGSTOP');
    first[Symbol.dispose]();
    const settled = relays.settle();
    // the request is on its way by then
    await new Promise(setImmediate);
    const reservation = relays.reserve(port, second);
    for (const pid of relayPids()) process.kill(pid, 'SIGCONT');
    await Promise.all([settled, relays.settle([port])]);
    expect(await dial(port)).toBe('second');
    reservation[Symbol.dispose]();
    await relays.settle();
    expect(await dial(port)).toBe('ECONNREFUSED');
  });

  it('goes on without a daemon, and the next one takes up what it wants', async () => {
    const [kept, dropped] = [freePort(), freePort()];
    for (const port of [kept, dropped]) relays.reserve(port, await serve('former'));
    await relays.settle([kept, dropped]);
    const pids = relayPids();
    relays.close();
    expect(await dial(kept)).toBe('former');
    relays = newRelays();
    await relays.open();
    const reservation = relays.reserve(kept, await serve('next'));
    relays.dropUnclaimed();
    await relays.settle([kept]);
    expect(await dial(kept)).toBe('next');
    expect(await dial(dropped)).toBe('ECONNREFUSED');
    expect(relayPids()).toEqual(pids);
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
    relays = newRelays();
    await relays.open();
    const served = relays.reserve(port, await serve('served'));
    await relays.settle([port]);
    expect(await dial(port)).toBe('served');
    served[Symbol.dispose]();
    await relays.settle();
    expect(await dial(port)).toBe('ECONNREFUSED');
  });

  it('starts another process when it is killed', async () => {
    const port = freePort();
    relays.reserve(port, await serve('still there'));
    await relays.settle([port]);
    for (const pid of relayPids()) process.kill(pid, 'SIGKILL');
    await poll('an answer', async () => (await dial(port)) === 'still there', { timeoutMs: 30_000 });
  });

  it('drops what was given back while the connection was lost', async () => {
    const [kept, dropped] = [freePort(), freePort()];
    relays.dropUnclaimed();
    relays.reserve(kept, await serve('kept'));
    const reservation = relays.reserve(dropped, await serve('dropped'));
    await relays.settle([kept, dropped]);
    // the relay listens to the last who comes
    const intruder = connect(join(dir, 'relay.sock'));
    intruder.write('hello\n');
    await once(intruder, 'data');
    reservation[Symbol.dispose]();
    await poll('the port to be free', async () => (await dial(dropped)) === 'ECONNREFUSED', { timeoutMs: 30_000 });
    expect(await dial(kept)).toBe('kept');
    expect(relayPids()).toHaveLength(1);
    intruder.destroy();
  });

  it('carries hundreds of ports and datagrams', async () => {
    const target = await serve('many');
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
