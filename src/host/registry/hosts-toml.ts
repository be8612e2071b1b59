import { internal } from '../../shared/errors.js';

/** A host that may be asked for a registry's images. Paths as written. */
export interface HostEntry {
  /** As written: `https://mirror.test`, with a path perhaps. */
  url: string;
  /** Of `pull`, `resolve`, `push`; all when not said. */
  capabilities: string[];
  skipVerify: boolean;
  /** Paths of PEM files with authorities. */
  ca: string[];
  /** Paths of certificate and key; key '' when the certificate's file has it. */
  client: { certificate: string; key: string } | null;
  headers: Record<string, string>;
  /** Whether the URL's path is the whole prefix of the API, without `/v2`. */
  overridePath: boolean;
}

/** What a `hosts.toml` says about a registry. */
export interface HostsFile {
  /** The registry itself, asked last; null: as if there were no file. */
  server: HostEntry | null;
  hosts: HostEntry[];
}

type Value = string | boolean | Value[];
type Table = Map<string, Value>;

const ALL = ['pull', 'resolve', 'push'];

/**
 * Parses containerd's `hosts.toml`, as far as it is specified: strings, booleans, arrays and tables. Throws internal with the line
 * that is not understood. Source: containerd docs/hosts.md.
 */
export function parseHostsToml(text: string): HostsFile {
  const top: Table = new Map();
  const hosts = new Map<string, { fields: Table; headers: Table }>();
  let current = top;
  for (const { line, number } of logicalLines(text)) {
    try {
      const table = /^\[(.*)\]$/.exec(line)?.[1];
      if (table === undefined) {
        const pair = /^([\w-]+|"[^"]*"|'[^']*')\s*=\s*(.+)$/.exec(line);
        if (!pair) throw new Error('expected key = value');
        current.set(unquoteKey(pair[1] ?? ''), parseValue(pair[2] ?? ''));
        continue;
      }
      const path = keyPath(table);
      if (path[0] !== 'host' || path[1] === undefined || path.length > 3 || (path[2] ?? 'header') !== 'header') {
        throw new Error('unknown table');
      }
      const host: { fields: Table; headers: Table } = hosts.get(path[1]) ?? { fields: new Map(), headers: new Map() };
      hosts.set(path[1], host);
      current = path.length === 3 ? host.headers : host.fields;
    } catch (error) {
      throw internal(`failed to parse hosts.toml: line ${number}: ${(error as Error).message}`, error);
    }
  }
  const server = top.get('server');
  return {
    server: typeof server === 'string' && server !== '' ? entryOf(server, top, new Map<string, Value>()) : null,
    hosts: [...hosts].map(([url, { fields, headers }]) => entryOf(url, fields, headers)),
  };
}

function entryOf(url: string, fields: Table, headers: Table): HostEntry {
  const full = url.includes('://') ? url : `https://${url}`;
  if (!URL.canParse(full)) throw internal(`failed to parse hosts.toml: ${JSON.stringify(url)} is no URL`);
  const capabilities = strings(fields.get('capabilities'));
  const client = fields.get('client');
  const first = Array.isArray(client) ? client[0] : client;
  const [certificate = '', key = ''] = Array.isArray(first) ? strings(first) : strings(client);
  return {
    url: full.replace(/\/+$/, ''),
    capabilities: fields.has('capabilities') ? capabilities : ALL,
    skipVerify: fields.get('skip_verify') === true,
    ca: strings(fields.get('ca')),
    client: certificate === '' ? null : { certificate, key },
    headers: Object.fromEntries([...headers].map(([name, value]) => [name.toLowerCase(), strings(value).join(', ')])),
    overridePath: fields.get('override_path') === true,
  };
}

function strings(value: Value | undefined): string[] {
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** Lines without comments; an array that is broken over lines is one. */
function* logicalLines(text: string): Generator<{ line: string; number: number }> {
  let open = '';
  let depth = 0;
  let start = 0;
  for (const [index, raw] of text.split('\n').entries()) {
    const bare = withoutComment(raw).trim();
    if (bare === '') continue;
    if (open === '') start = index + 1;
    open = open === '' ? bare : `${open} ${bare}`;
    // A table's brackets close on their own line, so that only arrays leave some open.
    const outside = bare.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, '');
    depth += outside.split('[').length - outside.split(']').length;
    if (depth > 0) continue;
    yield { line: open, number: start };
    open = '';
    depth = 0;
  }
  if (open !== '') yield { line: open, number: start };
}

function withoutComment(line: string): string {
  return /^(?:[^#"']|"(?:[^"\\]|\\.)*"|'[^']*')*/.exec(line)?.[0] ?? '';
}

function keyPath(text: string): string[] {
  const parts = text.match(/"(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+/g) ?? [];
  return parts.map(unquoteKey);
}

function unquoteKey(text: string): string {
  return /^["']/.test(text) ? text.slice(1, -1) : text;
}

function parseValue(text: string): Value {
  const { value, rest } = takeValue(text);
  if (rest.trim() !== '') throw new Error(`unexpected ${JSON.stringify(rest.trim())}`);
  return value;
}

function takeValue(text: string): { value: Value; rest: string } {
  const trimmed = text.trimStart();
  const token = /^(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(true|false)\b|(-?[\d_.:TZ+-]+))/.exec(trimmed);
  if (token) {
    const [whole, basic, literal, boolean, number] = token;
    const rest = trimmed.slice(whole.length);
    if (boolean !== undefined) return { value: boolean === 'true', rest };
    return { value: basic?.replace(/\\(["\\])/g, '$1') ?? literal ?? number ?? '', rest };
  }
  if (!trimmed.startsWith('[')) throw new Error(`invalid value ${JSON.stringify(trimmed)}`);
  const items: Value[] = [];
  let rest = trimmed.slice(1).trimStart();
  while (!rest.startsWith(']')) {
    const item = takeValue(rest);
    items.push(item.value);
    rest = item.rest.trimStart();
    if (rest.startsWith(',')) rest = rest.slice(1).trimStart();
    else if (!rest.startsWith(']')) throw new Error('expected , or ] in an array');
  }
  return { value: items, rest: rest.slice(1) };
}
