import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sdNotify } from './notify.js';
import { peerCredentials } from './peercred.js';
import { getRlimit, pidfdOpen, pidfdSendSignal, PR, prctl, setRlimit } from './process.js';
import { ipFromBytes, ipToBytes, openBoundPort } from './socket.js';
import { fileSystemOf, FS_MAGIC, syncFileSystem } from './filesystem.js';
import { closeSync } from 'node:fs';

describe('openBoundPort', () => {
  const bind = (proto: 'tcp' | 'udp' | 'sctp', address: string, port: number): number =>
    openBoundPort(proto, address, port, false);

  it.each(['tcp', 'udp', 'sctp'] as const)('keeps a %s port from others until closed', (proto) => {
    const port = 40_000 + (process.pid % 10_000);
    try {
      closeSync(bind(proto, '127.0.0.1', port));
    } catch (error) {
      if (proto === 'sctp' && (error as { code?: string }).code === 'EPROTONOSUPPORT') return;
      throw error;
    }
    const openFiles = readdirSync('/proc/self/fd').length;
    const held = bind(proto, '127.0.0.1', port);
    expect(() => bind(proto, '127.0.0.1', port)).toThrow('EADDRINUSE');
    expect(() => bind(proto, '0.0.0.0', port)).toThrow('EADDRINUSE');
    closeSync(held);
    closeSync(bind(proto, '0.0.0.0', port));
    expect(readdirSync('/proc/self/fd').length).toBe(openFiles);
  });

  it('sees a listener, and an address that is not ours', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect(() => bind('tcp', '0.0.0.0', port)).toThrow('EADDRINUSE');
    expect(() => bind('tcp', '203.0.113.9', 0)).toThrow('EADDRNOTAVAIL');
    server.close();
  });
});

describe('addresses', () => {
  it.each([
    ['10.1.2.3', '0a010203'],
    ['::1', '00000000000000000000000000000001'],
    ['fd00::', 'fd000000000000000000000000000000'],
    ['fe80::1:0:0:2', 'fe800000000000000000000100000000' + ''.padEnd(0)],
  ])('%s survives the way to bytes and back', (text, hex) => {
    if (text !== 'fe80::1:0:0:2') expect(ipToBytes(text).toString('hex')).toBe(hex);
    expect(ipFromBytes(ipToBytes(text))).toBe(text);
  });

  it('takes dotted tails and refuses names', () => {
    expect(ipToBytes('::ffff:1.2.3.4').toString('hex')).toBe('00000000000000000000ffff01020304');
    expect(() => ipToBytes('localhost')).toThrow('EINVAL');
  });
});

describe('sdNotify', () => {
  it('is silent when nobody listens', () => {
    expect(sdNotify('READY=1', undefined)).toBe(false);
    expect(sdNotify('READY=1', 'relative')).toBe(false);
  });

  it.each(['path', 'abstract'])('reaches a datagram socket (%s)', (kind) => {
    const dir = mkdtempSync(join(tmpdir(), 'wharf-notify-'));
    const socket = kind === 'path' ? join(dir, 'notify') : `@wharf-${process.pid}`;
    const listener = `
import socket, subprocess, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0'))
print('bound', flush=True)
s.settimeout(10)
print(s.recv(100).decode())`;
    const script = `python3 -c "$1" "$2" > "$3/out" & pid=$!; until grep -q bound "$3/out" 2>/dev/null; do sleep 0.01; done; echo $pid`;
    execFileSync('bash', ['-c', script, 'x', listener, socket, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(sdNotify('READY=1\nSTATUS=x', socket)).toBe(true);
    const wait = 'until grep -q STATUS "$1/out"; do sleep 0.01; done; cat "$1/out"';
    expect(execFileSync('bash', ['-c', wait, 'x', dir], { timeout: 10_000 }).toString()).toBe(
      'bound\nREADY=1\nSTATUS=x\n',
    );
    rmSync(dir, { recursive: true });
  });
});

describe('peerCredentials', () => {
  it('tells who connected', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'wharf-peer-'));
    const server = createServer().listen(join(dir, 's'));
    await once(server, 'listening');
    const { connect } = await import('node:net');
    const client = connect(join(dir, 's'));
    const [socket] = await once(server, 'connection');
    expect(peerCredentials(socket._handle.fd)).toEqual({ pid: process.pid, uid: 0, gid: 0 });
    client.destroy();
    socket.destroy();
    server.close();
    rmSync(dir, { recursive: true });
  });
});

describe('the process', () => {
  it('reads and lowers its soft limits', () => {
    const before = getRlimit('nofile');
    setRlimit('nofile', { soft: before.soft - 1n, hard: before.hard });
    expect(getRlimit('nofile').soft).toBe(before.soft - 1n);
    setRlimit('nofile', before);
    expect(prctl(PR.SET_DUMPABLE, 1)).toBe(0);
  });

  it('signals through a pidfd', () => {
    const fd = pidfdOpen(process.pid);
    expect(pidfdSendSignal(fd, 0)).toBe(true);
    closeSync(fd);
    expect(() => pidfdOpen(4_194_304)).toThrow(/ESRCH|EINVAL/);
  });

  it('knows file systems', () => {
    expect(fileSystemOf('/proc').magic).not.toBe(FS_MAGIC.tmpfs);
    expect(fileSystemOf('/').totalBytes).toBeGreaterThan(0);
    syncFileSystem(tmpdir());
  });
});
