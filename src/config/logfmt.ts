import { sourceStack } from '../shared/source-stack.js';

/** Makes dockerd's text line of pino's JSON line: `time="…" level=info msg="…" key=value`. */
export function formatLogfmt(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const parts = [`time="${String(time)}"`, `level=${level === 'warn' ? 'warning' : String(level)}`];
  if (msg !== undefined) parts.push(`msg=${JSON.stringify(msg)}`);
  for (const [key, value] of Object.entries(fields)) parts.push(...field(key, value));
  return `${parts.join(' ')}\n`;
}

function field(key: string, value: unknown): string[] {
  if (key === 'err' && typeof value === 'object' && value !== null) {
    const { message, stack } = value as { message?: string; stack?: string };
    // A system error or one of ours says enough by itself; others are bugs, and need their place.
    const isBug = /\b(TypeError|RangeError|ReferenceError|AssertionError|SyntaxError): /.test(stack ?? '');
    return [`error=${quote(message ?? '')}`, ...(isBug ? [`stack=${quote(sourceStack(stack ?? ''))}`] : [])];
  }
  return [`${key}=${quote(typeof value === 'string' ? value : JSON.stringify(value))}`];
}

function quote(text: string): string {
  return /^[\w./:@+,^-]+$/.test(text) ? text : JSON.stringify(text);
}
