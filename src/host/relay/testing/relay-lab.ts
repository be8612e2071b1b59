import { appendFileSync, closeSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { poll } from '../../../../test/support/poll.js';
import { hasCode } from '../../../shared/errors.js';
import { type Logger, silentLogger } from '../../../shared/logger.js';
import { openBoundPort } from '../../sys/socket.js';
import type { RelayPort } from '../port-entry.js';
import { PortRelays } from '../port-relays.js';

const shim = fileURLToPath(new URL('../../../../shim/build/wharf-shim', import.meta.url));

/** A directory with the relays of one test, and servers to which they lead. */
export class RelayLab implements AsyncDisposable {
  readonly dir = mkdtempSync('/var/tmp/wr-');
  readonly socketPath = join(this.dir, 'relay.sock');
  private readonly servers: Server[] = [];

  /** What a daemon has; to be closed by the caller. */
  newRelays(binary = shim, log: Logger = silentLogger): PortRelays {
    return new PortRelays({ binary, socketPath: this.socketPath, logPath: join(this.dir, 'relay.log'), log });
  }

  /** A wharf-shim that is not the same as any other. */
  otherVersion(): string {
    const path = join(this.dir, `wharf-shim-${randomInt(2 ** 40)}`);
    copyFileSync(shim, path);
    appendFileSync(path, path);
    return path;
  }

  pids(): number[] {
    const isOurs = (pid: string): boolean => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(this.socketPath);
      } catch {
        return false; // it ended meanwhile
      }
    };
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && isOurs(name))
      .map(Number);
  }

  kill(signal: NodeJS.Signals): void {
    for (const pid of this.pids()) process.kill(pid, signal);
  }

  /** Says its name to whoever connects, and then whatever it is told. */
  async serve(name: string, isEcho = false): Promise<{ address: string; port: number }> {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined).write(name);
      if (isEcho) socket.pipe(socket);
      else socket.end();
    });
    this.servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return { address: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.servers) server.close();
    this.kill('SIGKILL');
    await poll('the relays to end', async () => this.pids().length === 0, { timeoutMs: 30_000 });
    rmSync(this.dir, { recursive: true });
  }
}

/** A port of ::1 that nobody has, below those that the kernel gives to callers. */
export function freePort(): RelayPort {
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

/** All that is said there, or what keeps one from hearing it. */
export const dial = ({ hostIp, port }: RelayPort): Promise<string> =>
  text(connect({ host: hostIp, port })).catch((error: Error & { code?: string }) => error.code ?? error.message);
