import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLink, findLink, LARGEST_BURST } from '../../host/netlink/links.js';
import { openRouteSocket } from '../../host/netlink/route-socket.js';
import { createNetns, removeNetns } from '../../host/sys/namespaces.js';
import type { Network } from './model.js';
import { burstOf, raiseBurst } from './raise-burst.js';

let dir: string;
let netns: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'wharf-burst-'));
  netns = join(dir, 'netns');
  createNetns(netns);
});
afterEach(() => {
  removeNetns(netns);
  rmSync(dir, { recursive: true });
});

const INTERNAL = { internal: true, ownsBridge: true } as Network;

describe('larger packets', () => {
  it('are left out by a link that takes none, without a word', () => {
    using socket = openRouteSocket(netns);
    socket.request(createLink('bridge', { name: 'br0' }));
    const bridge = findLink(socket, 'br0')!;
    raiseBurst(socket, INTERNAL, bridge);
    expect(findLink(socket, 'br0')).toEqual(bridge);
  });

  it('are for networks that nothing leaves, on bridges of ours, where the kernel has them', () => {
    using socket = openRouteSocket(netns);
    const link = findLink(socket, 'lo')!;
    const burst = (told: number, network = INTERNAL): number | undefined => burstOf(network, { ...link, burst: told });
    expect([burst(0), burst(65_536), burst(LARGEST_BURST)]).toEqual([undefined, LARGEST_BURST, LARGEST_BURST]);
    expect(burst(65_536, { ...INTERNAL, internal: false })).toBeUndefined();
    expect(burst(65_536, { ...INTERNAL, ownsBridge: false })).toBeUndefined();
  });

  it('are asked for once, and other errors are passed on', () => {
    using socket = openRouteSocket(netns);
    const request = vi.spyOn(socket, 'request');
    const gone = { ...findLink(socket, 'lo')!, index: 999 };
    for (const burst of [0, LARGEST_BURST]) raiseBurst(socket, INTERNAL, { ...gone, burst });
    expect(request).not.toHaveBeenCalled();
    expect(() => raiseBurst(socket, INTERNAL, { ...gone, burst: 65_536 })).toThrow(/ENODEV/);
  });
});
