import { describe, expect, it } from 'vitest';
import { activatedFds, socketGid } from './bind-server.js';
import { parseListenAddress } from './listen-address.js';
import { silentLogger } from '../../shared/logger.js';

describe('-H values', () => {
  it.each([
    ['unix://', { kind: 'unix', path: '/var/run/docker.sock' }],
    ['unix:///tmp/x.sock', { kind: 'unix', path: '/tmp/x.sock' }],
    ['/tmp/x.sock', { kind: 'unix', path: '/tmp/x.sock' }],
    ['tcp://', { kind: 'tcp', host: 'localhost', port: 2375 }],
    ['tcp://:5555', { kind: 'tcp', host: 'localhost', port: 5555 }],
    ['tcp://0.0.0.0:2375', { kind: 'tcp', host: '0.0.0.0', port: 2375 }],
    ['tcp://[::1]:2375/', { kind: 'tcp', host: '::1', port: 2375 }],
    ['127.0.0.1:2375', { kind: 'tcp', host: '127.0.0.1', port: 2375 }],
    ['fd://', { kind: 'fd', fd: null }],
    ['fd://3', { kind: 'fd', fd: 3 }],
  ])('%s', (text, expected) => {
    expect(parseListenAddress(text, false)).toEqual(expected);
  });

  it('have another default port with TLS', () => {
    expect(parseListenAddress('tcp://host', true)).toMatchObject({ port: 2376 });
  });

  it.each(['npipe:////./pipe/x', 'tcp://a:b:c', 'tcp://h:99999', 'fd://x'])('refuse %s', (text) => {
    expect(() => parseListenAddress(text, false)).toThrow(`invalid bind address (${text})`);
  });
});

describe('the group of a socket', () => {
  it('is found by name or number', () => {
    expect(socketGid('root', false, silentLogger)).toBe(0);
    expect(socketGid('123', false, silentLogger)).toBe(123);
    expect(socketGid('no-such-group', true, silentLogger)).toBe(0);
    expect(() => socketGid('no-such-group', false, silentLogger)).toThrow('group no-such-group not found');
  });
});

describe('socket activation', () => {
  it('counts only for the process that it names', () => {
    expect(activatedFds({ LISTEN_PID: String(process.pid), LISTEN_FDS: '2' })).toEqual([3, 4]);
    expect(activatedFds({ LISTEN_PID: '1', LISTEN_FDS: '2' })).toEqual([]);
    expect(activatedFds({})).toEqual([]);
  });
});
