import { describe, expect, it } from 'vitest';
import { parseHostPort, PortAllocator, type PortRequest } from './port-allocation.js';

/** A host where some ports are taken by other processes; counts what is bound. */
function host(taken: number[] = []): { bound: Set<string>; ports: PortAllocator } {
  const bound = new Set<string>();
  const ports = new PortAllocator(
    (proto, hostIp, port) => {
      if (taken.includes(port)) throw Object.assign(new Error('bind'), { code: 'EADDRINUSE' });
      bound.add(`${proto} ${hostIp} ${port}`);
      return { [Symbol.dispose]: () => void bound.delete(`${proto} ${hostIp} ${port}`) };
    },
    () => [100, 103],
  );
  return { bound, ports };
}

const want = (first: number, last = first, more: Partial<PortRequest> = {}): PortRequest => ({
  proto: 'tcp',
  hostIps: ['0.0.0.0'],
  first,
  last,
  target: '172.17.0.2:80',
  relays: new Map(),
  ...more,
});

describe('PortAllocator', () => {
  it('goes round the ephemeral range, per protocol, past what others have', () => {
    const { ports } = host([101]);
    expect([0, 0, 0].map(() => ports.allocate(want(0)))).toEqual([100, 102, 103]);
    expect(ports.allocate(want(0, 0, { proto: 'udp' }))).toBe(100);
    ports.release('tcp', '0.0.0.0', 100);
    ports.release('tcp', '0.0.0.0', 102);
    expect(ports.allocate(want(0))).toBe(100);
    expect(ports.allocate(want(0))).toBe(102);
    expect(() => ports.allocate(want(0))).toThrow('port is already allocated');
  });

  it('names the address that is in the way', () => {
    const { ports } = host();
    ports.allocate(want(80));
    ports.allocate(want(81, 81, { hostIps: ['127.0.0.1'] }));
    expect(() => ports.allocate(want(80, 80, { hostIps: ['127.0.0.1'] }))).toThrow(
      'Bind for 0.0.0.0:80 failed: port is already allocated',
    );
    expect(() => ports.allocate(want(81))).toThrow('Bind for 127.0.0.1:81 failed: port is already allocated');
    expect(ports.allocate(want(81, 81, { hostIps: ['127.0.0.2'] }))).toBe(81);
    expect(ports.allocate(want(80, 80, { proto: 'udp' }))).toBe(80);
    expect(ports.allocate(want(80, 80, { hostIps: ['::'] }))).toBe(80);
  });

  it('takes the first of a range that is free', () => {
    const { ports } = host([8000]);
    expect(ports.allocate(want(8000, 8002))).toBe(8001);
    expect(ports.allocate(want(8000, 8002))).toBe(8002);
    expect(() => ports.allocate(want(8000, 8002))).toThrow('port is already allocated');
  });

  it('says who else has it, and leaves nothing bound', () => {
    const { ports, bound } = host([90]);
    expect(() => ports.allocate(want(90))).toThrow(
      'failed to bind host port for 0.0.0.0:90:172.17.0.2:80/tcp: address already in use',
    );
    ports.allocate(want(91, 91, { hostIps: ['::'] }));
    expect(() => ports.allocate(want(91, 91, { hostIps: ['0.0.0.0', '::'] }))).toThrow(
      'Bind for :::91 failed: port is already allocated',
    );
    expect([...bound]).toEqual(['tcp :: 91']);
    ports.release('tcp', '::', 91);
    ports.release('tcp', '::', 91);
    expect(bound.size).toBe(0);
  });
});

describe('parseHostPort', () => {
  it.each([
    ['', 0, 0],
    ['0', 0, 0],
    ['80', 80, 80],
    ['8000-8010', 8000, 8010],
  ])('%j', (text, first, last) => expect(parseHostPort(text)).toEqual({ first, last }));

  it.each(['x', '80-', '70000', '20-10', '-1'])('refuses %j', (text) =>
    expect(() => parseHostPort(text)).toThrow('invalid port range'),
  );
});
