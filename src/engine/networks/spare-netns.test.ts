import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';

import { silentLogger } from '../../shared/logger.js';
import { inNetns } from '../../host/sys/namespaces.js';
import { readSysctl } from '../../host/netlink/sysctl.js';
import { type PreparedNetns, SpareNetns } from './spare-netns.js';

const openFiles = (): number => readdirSync('/proc/self/fd').length;
const identity = ({ fd }: PreparedNetns): string => readlinkSync(`/proc/self/fd/${fd}`);

function give(prepared: PreparedNetns): void {
  closeSync(prepared.fd);
  prepared.routes[Symbol.dispose]();
}

afterEach(() => vi.restoreAllMocks());

describe('the spare network namespace', () => {
  it('is given once, with its loopback up and without IPv6', () => {
    const before = openFiles();
    const spares = new SpareNetns(silentLogger);
    spares.refill();
    const made = openFiles();
    spares.refill();
    expect(openFiles()).toBe(made);
    const first = spares.take();
    expect(openFiles()).toBe(made);
    const second = spares.take();
    expect(identity(second)).not.toBe(identity(first));
    for (const prepared of [first, second]) {
      const path = `/proc/self/fd/${prepared.fd}`;
      expect(inNetns(path, () => readSysctl('net/ipv6/conf/default/disable_ipv6'))).toBe('1');
      give(prepared);
    }
    spares.close();
    expect(openFiles()).toBe(before);
  });

  it('is not given when it is old', () => {
    const spares = new SpareNetns(silentLogger);
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    spares.refill();
    clock.mockReturnValue(61_000);
    const before = openFiles();
    give(spares.take());
    expect(openFiles()).toBe(before);
    spares.close();
  });

  it('goes when the daemon lets go, and none comes after', () => {
    const before = openFiles();
    const spares = new SpareNetns(silentLogger);
    spares.refill();
    spares.close();
    spares.refill();
    expect(openFiles()).toBe(before);
  });
});
