import { BlockList, isIP } from 'node:net';

/** The part of `host[:port]` or `[v6][:port]` before the port. */
export function hostOf(authority: string): string {
  if (authority.startsWith('[')) return authority.slice(1, authority.indexOf(']'));
  const colon = authority.lastIndexOf(':');
  return colon === -1 ? authority : authority.slice(0, colon);
}

/**
 * Which registries need no valid certificate: those named, those whose address lies in a named network, and always
 * 127.0.0.0/8 and ::1. Names are not resolved, as `localhost` is the only one that is known to be local.
 */
export class InsecureRegistries {
  private readonly hosts = new Set<string>();
  private readonly networks = new BlockList();

  constructor(entries: readonly string[]) {
    for (const entry of ['127.0.0.0/8', '::1/128', ...entries]) this.add(entry);
  }

  has(authority: string): boolean {
    if (this.hosts.has(authority)) return true;
    const host = hostOf(authority);
    if (host === 'localhost' || this.hosts.has(host)) return true;
    const family = isIP(host);
    return family !== 0 && this.networks.check(host, family === 4 ? 'ipv4' : 'ipv6');
  }

  private add(entry: string): void {
    const text = entry.replace(/^https?:\/\//, '');
    const slash = text.lastIndexOf('/');
    const address = text.slice(0, slash);
    const family = slash === -1 ? 0 : isIP(address);
    if (family === 0) this.hosts.add(text);
    else this.networks.addSubnet(address, Number(text.slice(slash + 1)), family === 4 ? 'ipv4' : 'ipv6');
  }
}
