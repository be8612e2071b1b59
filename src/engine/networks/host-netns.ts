import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { mount, mounts, MS } from '../../host/sys/mount.js';
import { removeNetns } from '../../host/sys/namespaces.js';
import type { NetworksContext } from './networks-context.js';

/** Makes `<exec-root>/netns/default`, the SandboxKey of containers on the host's network, which tools enter with nsenter. */
export function ensureHostNetns(path: string): void {
  if (mounts().some(({ mountPoint }) => mountPoint === path)) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  closeSync(openSync(path, 'a', 0o444));
  mount('/proc/thread-self/ns/net', path, null, MS.BIND);
}

/** Removes it with the last container that shows it. */
export function releaseHostNetns(ctx: NetworksContext, leaving: string): void {
  const inUse = [...ctx.sandboxes.values()].some(({ kind, containerId }) => kind === 'host' && containerId !== leaving);
  if (!inUse) removeNetns(join(ctx.options.netnsDir, 'default'));
}
