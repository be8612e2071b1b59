import { isIP } from 'node:net';

/** What the address of a listener may look like. Throws dockerd's words. */
export function checkHost(text: string): string {
  const proto = /^([^:/]*):\/\//.exec(text)?.[1];
  if (proto !== undefined && !['unix', 'tcp', 'fd'].includes(proto)) {
    throw new Error(`invalid bind address (${text}): unsupported proto '${proto}'`);
  }
  return text;
}

export function checkIp(text: string): void {
  if (isIP(text) === 0) throw new Error(`failed to parse IP: "${text}"`);
}

export function checkDnsServer(text: string): string {
  if (isIP(text) === 0) throw new Error(`invalid string being converted to IP address: ${text}`);
  return text;
}

export function checkGatewayIp(text: string): string {
  if (isIP(text) === 0) throw new Error(`ParseAddr("${text}"): unable to parse IP`);
  return text;
}

export function checkLabel(text: string): string {
  if (!text.includes('=')) throw new Error(`bad attribute format: ${text}`);
  return text;
}

/** The base URL of a mirror, with exactly one slash at its end, as `info` shows it. */
export function checkMirror(text: string): string {
  const shown = `invalid mirror: `;
  if (!/^[a-z]+:\/\//i.test(text)) {
    throw new Error(`${shown}no scheme specified for "${text}": must use either 'https://' or 'http://'`);
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw new Error(`${shown}"${text}" is not a valid URI`, { cause });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new Error(
      `${shown}unsupported scheme "${url.protocol.slice(0, -1)}" in "${text}": must use either 'https://' or 'http://'`,
    );
  }
  if (url.search !== '' || url.hash !== '') throw new Error(`${shown}query or fragment at end of the URI "${text}"`);
  if (url.username !== '' || url.password !== '')
    throw new Error(`${shown}username/password not allowed in URI "${text}"`);
  return `${text.replace(/\/+$/, '')}/`;
}

export function oneOf(what: (text: string) => string, ...allowed: string[]): (text: string) => void {
  return (text) => {
    if (!allowed.includes(text)) throw new Error(what(text));
  };
}

const DOMAIN = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*\.?$/i;

/** A domain to search, or `.` for none. Throws in dockerd's words. */
export function checkDnsSearch(text: string): string {
  const domain = text.trim();
  if (domain !== '.' && !(/[a-z]/i.test(domain) && DOMAIN.test(domain))) {
    throw new Error(`${domain} is not a valid domain`);
  }
  return domain;
}
