import { DEFAULT_DOMAIN } from '../../shared/reference.js';
import type { TlsMaterial } from './client-certificates.js';
import { readClientCertificates } from './client-certificates.js';
import type { InsecureRegistries } from './insecure-registries.js';

/** Where references without a host are served. A fact of the protocol; the only place that names it. */
const DEFAULT_REGISTRY_HOST = 'registry-1.docker.io';

/** Names under which clients keep their credentials for the default registry. */
const DEFAULT_REGISTRY_ADDRESSES = new Set(['', DEFAULT_DOMAIN, 'index.docker.io', DEFAULT_REGISTRY_HOST]);

/** The domain that a client's `ServerAddress` stands for: a host, or a URL of older clients. */
export function domainOfServerAddress(address: string): string {
  const host = address.replace(/^https?:\/\//, '').split('/')[0] ?? '';
  return DEFAULT_REGISTRY_ADDRESSES.has(host) ? DEFAULT_DOMAIN : host;
}

/** One place to speak the registry protocol to. */
export interface Endpoint {
  /** `https://host[:port][/prefix]`, without `/v2/`. */
  baseUrl: string;
  isMirror: boolean;
  tls: TlsMaterial & { rejectUnauthorized: boolean };
}

/** TLS settings for any host that a registry sends us to. */
export function tlsFor(authority: string, certsDir: string, insecure: InsecureRegistries): Endpoint['tls'] {
  return { ...readClientCertificates(certsDir, authority), rejectUnauthorized: !insecure.has(authority) };
}

/** Where to look for a domain's images, in the order of trying: mirrors, https, and for insecure ones http. */
export function endpointsFor(
  domain: string,
  mirrors: readonly string[],
  certsDir: string,
  insecure: InsecureRegistries,
): Endpoint[] {
  if (domain === DEFAULT_DOMAIN) {
    return [
      ...mirrors.map((mirror) => ({
        baseUrl: mirror.replace(/\/+$/, ''),
        isMirror: true,
        tls: tlsFor(new URL(mirror).host, certsDir, insecure),
      })),
      {
        baseUrl: `https://${DEFAULT_REGISTRY_HOST}`,
        isMirror: false,
        tls: tlsFor(DEFAULT_REGISTRY_HOST, certsDir, insecure),
      },
    ];
  }
  const tls = tlsFor(domain, certsDir, insecure);
  const schemes = insecure.has(domain) ? ['https', 'http'] : ['https'];
  return schemes.map((scheme) => ({ baseUrl: `${scheme}://${domain}`, isMirror: false, tls }));
}
