import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The two ends of a unix connection; the accepted one is paused, and half-closes are left alone. */
export interface SocketPair extends Disposable {
  readonly client: Socket;
  readonly accepted: Socket;
}

export async function socketPair(): Promise<SocketPair> {
  const directory = mkdtempSync(join(tmpdir(), 'socket-pair-'));
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }).listen(join(directory, 's'));
  await once(server, 'listening');
  const client = connect(join(directory, 's'));
  const [accepted] = (await once(server, 'connection')) as [Socket];
  return {
    client,
    accepted,
    [Symbol.dispose]() {
      for (const socket of [client, accepted]) socket.destroy();
      server.close();
      rmSync(directory, { recursive: true });
    },
  };
}
