import { readFileSync, statSync } from 'node:fs';

const HOST_RESOLV_CONF = '/etc/resolv.conf';
/** Where systemd-resolved keeps the real servers when /etc/resolv.conf only names its stub. */
const RESOLVED_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';
const FRESH_MS = 1000;

/** The host's name service: which file says it, and what it says ('' when there is none). */
export interface HostResolvConf {
  path: string;
  text: string;
}

let cached: (HostResolvConf & { readAtMs: number; stamp: string }) | null = null;

/** Looks at the file again once a second at most, since every query of a container needs it. */
export function hostResolvConf(): HostResolvConf {
  const now = performance.now();
  if (cached && now - cached.readAtMs < FRESH_MS) return cached;
  const stamp = [HOST_RESOLV_CONF, RESOLVED_RESOLV_CONF].map(stampOf).join(' ');
  if (cached?.stamp === stamp) cached.readAtMs = now;
  else cached = { ...read(), readAtMs: now, stamp };
  return cached;
}

function read(): HostResolvConf {
  const text = textOf(HOST_RESOLV_CONF);
  const servers = text.match(/^nameserver\s+\S+/gm) ?? [];
  const isStub = servers.length > 0 && servers.every((line) => /\s127\.0\.0\.53$/.test(line));
  const real = isStub ? textOf(RESOLVED_RESOLV_CONF) : '';
  return real === '' ? { path: HOST_RESOLV_CONF, text } : { path: RESOLVED_RESOLV_CONF, text: real };
}

function textOf(path: string): string {
  return stampOf(path) === '' ? '' : readFileSync(path, 'utf8');
}

function stampOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat ? `${stat.ino}:${stat.mtimeMs}:${stat.size}` : '';
}
