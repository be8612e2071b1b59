import { pino } from 'pino';
import type { Logger } from '../shared/logger.js';
import { sourceStack } from '../shared/source-stack.js';
import { formatLogfmt } from './logfmt.js';

export type LogFormat = 'text' | 'json';

const SEVERITY = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 } as const;
type Level = 'debug' | 'info' | 'warn' | 'error';

/** The daemon's logger. `setLevel` works for every child too, also for those made before. */
export interface DaemonLogger extends Logger {
  setLevel(name: string): void;
}

/**
 * Logs to standard error: one line per message, either as dockerd's text (`time=… level=… msg=… key=value`) or as JSON.
 * `write` takes the lines instead, for tests.
 */
export function createLogger(
  { level, format }: { level: string; format: LogFormat },
  write: (line: string) => void = (line) => void process.stderr.write(line),
): DaemonLogger {
  const stream = { write: format === 'json' ? write : (line: string) => write(formatLogfmt(line)) };
  const base = pino(
    {
      level: 'trace',
      base: null,
      messageKey: 'msg',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      // The text shows few stacks, and makes them readable itself.
      ...(format === 'json' && { serializers: { err: describeError } }),
    },
    stream,
  );
  const threshold = { severity: severityOf(level) };
  return Object.assign(wrap(base, threshold), {
    setLevel: (name: string) => void (threshold.severity = severityOf(name)),
  });
}

function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const described = pino.stdSerializers.err(error);
  described.stack = sourceStack(described.stack);
  return described;
}

function severityOf(name: string): number {
  const synonym = { warning: 'warn', panic: 'fatal' }[name] ?? name;
  return SEVERITY[synonym as keyof typeof SEVERITY] ?? SEVERITY.info;
}

/** pino copies a level into its children; a shared threshold lets a reload change all of them. */
function wrap(base: pino.Logger, threshold: { severity: number }): Logger {
  const at =
    (level: Level) =>
    (first: object | string, message?: string): void => {
      if (SEVERITY[level] < threshold.severity) return;
      if (typeof first === 'string') base[level](first);
      else base[level](first, message);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (bindings) => wrap(base.child(bindings), threshold),
  };
}
