import { closeSync, existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inNetns } from '../../host/sys/namespaces.js';
import { silentLogger } from '../../shared/logger.js';
import type { Sandbox } from './model.js';
import type { NetworksContext } from './networks-context.js';
import { cancelReservation, namespaceFor, reserveNamespace, sandboxKeyOf } from './reserve-namespace.js';
import { SpareNetns } from './spare-netns.js';

const openFiles = (): number => readdirSync('/proc/self/fd').length;
const identity = (path: string): string => inNetns(path, () => readlinkSync('/proc/thread-self/ns/net'));

let netnsDir: string;
let ctx: NetworksContext;
let openBefore: number;

beforeEach(() => {
  netnsDir = mkdtempSync(join(tmpdir(), 'netns-'));
  openBefore = openFiles();
  const spareNetns = new SpareNetns(silentLogger);
  ctx = { options: { netnsDir }, spareNetns, reserved: new Map() } as unknown as NetworksContext;
});

afterEach(() => {
  ctx.spareNetns.close();
  for (const id of ctx.reserved.keys()) cancelReservation(ctx, id);
  expect([openFiles(), readdirSync(netnsDir)]).toEqual([openBefore, []]);
  rmSync(netnsDir, { recursive: true, force: true });
});

/** The sandbox that a start plans for the container. */
function planned(containerId: string, sandboxId = ctx.reserved.get(containerId)?.sandboxId ?? 'f'.repeat(64)): Sandbox {
  return { containerId, sandboxId, sandboxKey: sandboxKeyOf(ctx, sandboxId) } as Sandbox;
}

/** Ends a sandbox that got a namespace, as its owner does. */
function release({ sandboxKey, containerId }: Sandbox): void {
  ctx.reserved.set(containerId, { sandboxId: '', sandboxKey, routes: { [Symbol.dispose]: () => undefined } as never });
  cancelReservation(ctx, containerId);
}

describe('a namespace for a container that may be started', () => {
  it('is the spare; without one there is none, and none is made', () => {
    expect(reserveNamespace(ctx, 'a')).toBeNull();
    ctx.spareNetns.refill();
    const spare = ctx.spareNetns.takeReady()!;
    const name = readlinkSync(`/proc/self/fd/${spare.fd}`);
    closeSync(spare.fd);
    spare.routes[Symbol.dispose]();
    expect(name).toMatch(/^net:/);
    expect(reserveNamespace(ctx, 'a')).toBeNull();
    expect([ctx.reserved.size, readdirSync(netnsDir)]).toEqual([0, []]);

    ctx.spareNetns.refill();
    expect(reserveNamespace(ctx, 'a')).not.toBeNull();
    expect(reserveNamespace(ctx, 'b')).toBeNull();
  });

  it('is in its place, and goes to the start of that container and no other', () => {
    ctx.spareNetns.refill();
    const path = reserveNamespace(ctx, 'a')!;
    const reserved = identity(path);
    const mine = planned('a');
    expect(mine.sandboxKey).toBe(path);

    const other = planned('b');
    {
      using _routes = namespaceFor(ctx, other);
    }
    expect(identity(other.sandboxKey)).not.toBe(reserved);
    {
      using routes = namespaceFor(ctx, mine);
      expect(routes).toBeDefined();
    }
    expect([ctx.reserved.size, identity(path)]).toEqual([0, reserved]);
    // the sandbox's now
    cancelReservation(ctx, 'a');
    expect(existsSync(path)).toBe(true);
    release(mine);
    release(other);
  });

  it('does not go to a sandbox that was planned without it', () => {
    ctx.spareNetns.refill();
    const path = reserveNamespace(ctx, 'a')!;
    const other = planned('a', 'e'.repeat(64));
    {
      using _routes = namespaceFor(ctx, other);
    }
    expect(identity(other.sandboxKey)).not.toBe(identity(path));
    cancelReservation(ctx, 'a');
    release(other);
  });

  it('is removed when there is no start, once', () => {
    ctx.spareNetns.refill();
    const path = reserveNamespace(ctx, 'a')!;
    cancelReservation(ctx, 'b');
    expect(existsSync(path)).toBe(true);
    cancelReservation(ctx, 'a');
    cancelReservation(ctx, 'a');
    expect([existsSync(path), ctx.reserved.size]).toEqual([false, 0]);
  });

  it('is not lost when it can not be put into its place', () => {
    ctx.spareNetns.refill();
    const file = join(netnsDir, 'file');
    writeFileSync(file, '');
    ctx.options.netnsDir = file;
    expect(() => reserveNamespace(ctx, 'a')).toThrow();
    rmSync(file);
    expect(ctx.reserved.size).toBe(0);
  });
});
