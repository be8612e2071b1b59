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

/** The one `80/tcp` key of a port to be published. A range, or what is no port at all, is returned as it is; the engine refuses it. */
export function publishedPortKey(spec: string): string {
  const [key, ...more] = portKeys(spec);
  const isOne = key !== undefined && more.length === 0 && /^\d+$/.test(spec.split('/')[0] ?? '');
  return isOne ? key : spec;
}
