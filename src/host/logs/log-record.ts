/** One line of a json-file log. */
export interface LogRecord {
  readonly log: string;
  readonly stream: string;
  readonly attrs: Readonly<Record<string, string>>;
  /** RFC 3339, UTC. */
  readonly time: string;
}

/** Null for a line that is no record, such as one that a full disk or a power cut has left behind. */
export function parseLogRecord(line: string): LogRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { log, stream, attrs, time } = value as Record<string, unknown>;
  if (typeof log !== 'string' || typeof time !== 'string') return null;
  return { log, stream: typeof stream === 'string' ? stream : 'stdout', attrs: stringValues(attrs), time };
}

function stringValues(attrs: unknown): Record<string, string> {
  if (typeof attrs !== 'object' || attrs === null) return {};
  return Object.fromEntries(Object.entries(attrs).map(([key, value]) => [key, String(value)]));
}

/** What `details` puts before a line: `key=value,…` sorted by key, both query-escaped. Source: tried on dockerd 28.5. */
export function formatDetails(attrs: Readonly<Record<string, string>>): string {
  return Object.entries(attrs)
    .map(([key, value]) => `${queryEscape(key)}=${queryEscape(value)}`)
    .sort()
    .join(',');
}

/** Go's url.QueryEscape. */
function queryEscape(text: string): string {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replace(/%20/g, '+');
}
