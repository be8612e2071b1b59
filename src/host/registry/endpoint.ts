import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DEFAULT_DOMAIN } from '../../shared/reference.js';
import { tlsFor, type TlsSettings } from './client-certificates.js';
import { parseHostsToml, type HostEntry } from './hosts-toml.js';
import { InsecureRegistries } from './insecure-registries.js';
import type { RegistryConfig } from './registry-config.js';

/** Where references without a host are served. A fact of the protocol; the only place that names it. */
const DEFAULT_REGISTRY_HOST = 'registry-1.docker.io';
/** Where clients keep their credentials for the default registry, and where it is searched. */
export const DEFAULT_INDEX_HOST = 'index.docker.io';

/** Names under which clients keep their credentials for the default registry. */
const DEFAULT_REGISTRY_ADDRESSES = new Set(['', DEFAULT_DOMAIN, DEFAULT_INDEX_HOST, DEFAULT_REGISTRY_HOST]);

/** The domain that a client's `ServerAddress` stands for: a host, or a URL of older clients. */
export function domainOfServerAddress(address: string): string {
  const host = address.replace(/^https?:\/\//, '').split('/')[0] ?? '';
  return DEFAULT_REGISTRY_ADDRESSES.has(host) ? DEFAULT_DOMAIN : host;
}

/** One place to speak the registry protocol to. */
export interface Endpoint {
  /** `https://host[:port][/prefix]/v2`, without a slash at the end. */
  apiUrl: string;
  /** Whether it is another server than the registry itself: it gets no credentials. */
  isMirror: boolean;
  tls: TlsSettings;
  /** Sent with every request. */
  headers: Record<string, string>;
}

type Purpose = 'pull' | 'push';

/**
 * Where to look for a domain's images, in the order of trying: the hosts of `<certsDir>/<domain>/hosts.toml` (or of `_default`),
 * else for Docker Hub the daemon's mirrors; then the registry itself by https, and if it is insecure by http. Throws internal for
 * a file that can't be understood.
 */
export function endpointsFor(domain: string, purpose: Purpose, config: RegistryConfig): Endpoint[] {
  const insecure = new InsecureRegistries(config.insecureRegistries);
  const tls = (authority: string): TlsSettings => tlsFor(authority, config.certsDir, insecure);
  const host = domain === DEFAULT_DOMAIN ? DEFAULT_REGISTRY_HOST : domain;
  const schemes = domain !== DEFAULT_DOMAIN && insecure.has(domain) ? ['https', 'http'] : ['https'];
  const own = schemes.map((scheme) => ({
    apiUrl: `${scheme}://${host}/v2`,
    isMirror: false,
    tls: tls(host),
    headers: {},
  }));
  const found = hostsFile(domain, config.certsDir);
  if (found) {
    const from = (entry: HostEntry): Endpoint => hostEndpoint(entry, found.dir, tls(new URL(entry.url).host), domain);
    const needed = purpose === 'push' ? ['push'] : ['pull', 'resolve'];
    const hosts = found.file.hosts.filter(({ capabilities }) => needed.every((one) => capabilities.includes(one)));
    const { server } = found.file;
    return [...hosts.map(from), ...(server ? [{ ...from(server), isMirror: false }] : own)];
  }
  if (domain !== DEFAULT_DOMAIN || purpose === 'push') return own;
  const mirrors = config.mirrors.map((mirror) => ({
    apiUrl: `${mirror.replace(/\/+$/, '')}/v2`,
    isMirror: true,
    tls: tls(new URL(mirror).host),
    headers: {},
  }));
  return [...mirrors, ...own];
}

function hostsFile(domain: string, certsDir: string): { dir: string; file: ReturnType<typeof parseHostsToml> } | null {
  for (const name of [domain, '_default']) {
    const dir = join(certsDir, name);
    const path = join(dir, 'hosts.toml');
    if (existsSync(path)) return { dir, file: parseHostsToml(readFileSync(path, 'utf8')) };
  }
  return null;
}

/** Paths in the file are relative to its folder. */
function hostEndpoint(entry: HostEntry, dir: string, tls: TlsSettings, domain: string): Endpoint {
  const read = (path: string): string => readFileSync(resolve(dir, path), 'utf8');
  const client = entry.client;
  return {
    apiUrl: entry.overridePath ? entry.url : `${entry.url}/v2`,
    isMirror: new URL(entry.url).host !== domain,
    headers: entry.headers,
    tls: {
      rejectUnauthorized: tls.rejectUnauthorized && !entry.skipVerify,
      authorities: [...tls.authorities, ...entry.ca.map(read)],
      certificate: client ? read(client.certificate) : tls.certificate,
      key: client ? read(client.key === '' ? client.certificate : client.key) : tls.key,
    },
  };
}
