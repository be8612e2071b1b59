const HEAD = [
  '127.0.0.1\tlocalhost',
  '::1\tlocalhost ip6-localhost ip6-loopback',
  'fe00::\tip6-localnet',
  'ff00::\tip6-mcastprefix',
  'ff02::1\tip6-allnodes',
  'ff02::2\tip6-allrouters',
];

export interface HostsEntry {
  address: string;
  names: string;
}

/**
 * The text of a container's /etc/hosts: the local names, `--add-host` entries and links, then the container's own addresses.
 * Source: files written by dockerd 28.5.
 */
export function renderHosts(extra: HostsEntry[], own: HostsEntry[]): string {
  return [...HEAD, ...[...extra, ...own].map(({ address, names }) => `${address}\t${names}`), ''].join('\n');
}

/** The text without the lines that went, where they are still there, and with the new ones at its end. */
export function changeLines(text: string, came: readonly string[], went: readonly string[]): string {
  const lines = text.split('\n');
  for (const line of went) {
    const at = lines.lastIndexOf(line);
    if (at >= 0) lines.splice(at, 1);
  }
  if (lines.at(-1) === '') lines.pop();
  return [...lines, ...came, ''].join('\n');
}

/** The names of the container itself: `foo.example.com foo`, or the short one alone where there is no domain. */
export function ownNames(hostname: string, domainname: string): string {
  const full = domainname === '' ? hostname : `${hostname}.${domainname}`;
  const dot = full.indexOf('.');
  return dot > 0 ? `${full} ${full.slice(0, dot)}` : full;
}

/**
 * `--add-host` values, `name:address` (`=` is taken too), as entries; `host-gateway` becomes the given addresses, one
 * entry each. The value was checked when the container was created.
 */
export function parseExtraHosts(values: readonly string[], hostGateways: readonly string[]): HostsEntry[] {
  return values.flatMap((value) => {
    const cut = value.search(/[:=]/);
    const names = value.slice(0, cut);
    const address = value.slice(cut + 1).replace(/^\[(.*)\]$/, '$1');
    if (address === 'host-gateway') return hostGateways.map((gateway) => ({ address: gateway, names }));
    return [{ address, names }];
  });
}

/** The text of a container's /etc/hostname. */
export function renderHostname(hostname: string): string {
  return `${hostname}\n`;
}
