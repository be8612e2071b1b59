import { BlockList, isIP } from 'node:net';
import { internal } from '../../shared/errors.js';
import { hostOf } from './insecure-registries.js';

/** As the environment variables of the same names; '' for none. */
export interface ProxySettings {
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
}

export const NO_PROXIES: ProxySettings = { httpProxy: '', httpsProxy: '', noProxy: '' };

/**
 * The proxy to reach a URL through; null: none. Local addresses are never asked of a proxy. Throws internal for a proxy that is
 * no http or https URL. Source: Go's golang.org/x/net/http/httpproxy, documented.
 */
export function proxyFor(target: URL, settings: ProxySettings): URL | null {
  const text = target.protocol === 'https:' ? settings.httpsProxy : settings.httpProxy;
  if (text === '' || isExcepted(target, settings.noProxy)) return null;
  const proxy = URL.canParse(text) && text.includes('://') ? new URL(text) : new URL(`http://${text}`);
  if (proxy.protocol === 'http:' || proxy.protocol === 'https:') return proxy;
  throw internal(`unsupported proxy scheme ${JSON.stringify(proxy.protocol.replace(':', ''))}`);
}

/** The value of a Proxy-Authorization header for the credentials in a proxy's URL; null: it has none. */
export function proxyAuthorization(proxy: URL): string | null {
  if (proxy.username === '') return null;
  const pair = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function isExcepted(target: URL, noProxy: string): boolean {
  const host = hostOf(target.hostname).toLowerCase();
  const port = target.port === '' ? (target.protocol === 'https:' ? '443' : '80') : target.port;
  if (host === 'localhost' || /^127\./.test(host) || host === '::1') return true;
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && excepts(entry, host, port));
}

/** An entry is `*`, a CIDR, or `host[:port]`; `.example.com` and `*.example.com` mean only names below it. */
function excepts(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return inNetwork(entry, host);
  const withPort = /^(.*[^:]):(\d+)$/.exec(entry);
  if (withPort && isIP(entry) === 0 && withPort[2] !== port) return false;
  const name = (isIP(entry) === 0 ? (withPort?.[1] ?? entry) : entry).replace(/^\[|\]$/g, '').replace(/^\*(?=\.)/, '');
  if (name.startsWith('.')) return host.endsWith(name);
  return host === name || (isIP(name) === 0 && host.endsWith(`.${name}`));
}

function inNetwork(cidr: string, host: string): boolean {
  const [address = '', bits = ''] = cidr.split('/');
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(bits)) return false;
  const list = new BlockList();
  const name = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(address, Number(bits), name);
  return list.check(host, name);
}
