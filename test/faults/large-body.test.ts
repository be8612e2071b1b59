import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';

const suite = daemonSuite({ image: false });
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** The most memory that the daemon has had at a time. */
const peakBytes = (): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${suite.daemon.pid}/status`, 'utf8'))![1]) * 1024;

/** Sends a gigabyte of JSON, or as much as the daemon takes; what it answers. */
function sendGigabyte(path: string, chunked: boolean): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(suite.daemon.socketPath);
    const length = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${GIB}`;
    socket.write(`POST ${path} HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n${length}\r\n\r\n`);
    const data = Buffer.alloc(MIB, 'x');
    const piece = chunked ? Buffer.concat([Buffer.from('100000\r\n'), data, Buffer.from('\r\n')]) : data;
    let sent = 0;
    const send = (): void => {
      while (sent < GIB && !socket.destroyed) {
        sent += MIB;
        if (!socket.write(piece)) return;
      }
    };
    socket.on('drain', send);
    socket.on('error', () => undefined);
    let answer = '';
    const finish = (): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on('data', (chunk) => {
      answer += chunk.toString();
      if (answer.includes('\r\n\r\n') && answer.includes('}')) finish();
    });
    socket.on('close', finish);
    send();
  });
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('a JSON body of a gigabyte', () => {
  it.each([
    ['/containers/create', false],
    ['/containers/create', true],
    ['/networks/create', true],
  ])('to %s (chunked: %s) is refused, and not kept in memory', async (path, chunked) => {
    const before = peakBytes();
    const answer = await sendGigabyte(path, chunked);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('{"message":"http: request body too large"}');
    expect(peakBytes() - before).toBeLessThan(200 * MIB);
    expect((await suite.daemon.api.get('/containers/json?all=1')).json).toEqual([]);
  });
});
