import { invalid } from '../../shared/errors.js';

/** Where to listen, parsed from dockerd's `-H` syntax. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Sockets handed over by systemd; `fd` null: all of them. */
  | { readonly kind: 'fd'; readonly fd: number | null };

const DEFAULT_SOCKET = '/var/run/docker.sock';

/** Parses `unix://[path]`, `tcp://[host][:port]` (port 2375, or 2376 with TLS) or `fd://[n|*]`. Throws invalid. */
export function parseListenAddress(text: string, tls: boolean): ListenAddress {
  const match = /^(?:(\w+):\/\/)?(.*)$/s.exec(text);
  const [, scheme = text.startsWith('/') ? 'unix' : 'tcp', rest = ''] = match ?? [];
  switch (scheme) {
    case 'unix':
      return { kind: 'unix', path: rest === '' ? DEFAULT_SOCKET : rest };
    case 'fd':
      if (rest !== '' && rest !== '*' && !/^\d+$/.test(rest)) throw badFormat(text);
      return { kind: 'fd', fd: rest === '' || rest === '*' ? null : Number(rest) };
    case 'tcp': {
      const address = /^(\[[0-9a-fA-F:.%\w]+\]|[^:/]*)(?::(\d+))?\/?$/.exec(rest);
      if (!address) throw badFormat(text);
      const port = address[2] === undefined ? (tls ? 2376 : 2375) : Number(address[2]);
      if (port > 65_535) throw badFormat(text);
      const host = (address[1] ?? '').replace(/^\[|\]$/g, '');
      return { kind: 'tcp', host: host === '' ? 'localhost' : host, port };
    }
    default:
      throw badFormat(text);
  }
}

function badFormat(text: string): Error {
  return invalid(`invalid bind address (${text}): must be unix://PATH, tcp://HOST:PORT or fd://`);
}
