import { invalid } from '../../shared/errors.js';

const PORT_SPEC = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(\w+))?$/;

/**
 * `80`, `80/TCP` and `80-82/tcp` as `80/tcp` keys. A text that is no port is returned as it is: an image may carry
 * one, and dockerd only minds when it has to be published.
 */
export function portKeys(spec: string): string[] {
  const match = PORT_SPEC.exec(spec);
  if (!match) return [spec];
  const first = Number(match[1]);
  const last = match[2] === undefined ? first : Number(match[2]);
  const proto = (match[3] ?? 'tcp').toLowerCase();
  if (last < first || last > 65_535) return [spec];
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${proto}`);
}

/** The one `80/tcp` key of a port to be published. Throws invalid on a range or on no port at all. */
export function publishedPortKey(spec: string): string {
  const [key, ...more] = portKeys(spec);
  const port = spec.split('/')[0] ?? '';
  if (key === undefined || more.length > 0 || !/^\d+$/.test(port) || Number(port) > 65_535) {
    throw invalid(`invalid port specification: "${port}"`);
  }
  return key;
}

/** `''`, `8080` or `8000-8010`. Throws invalid on anything else. */
export function checkedHostPort(text: string): string {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  const [first, last] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  const inRange = match && first <= last && last <= 65_535;
  if (text !== '' && !inRange) throw invalid(`invalid port specification: "${text}"`);
  return text;
}
