import { readJsonFileLogs } from '../../host/logs/json-file-reader.js';
import { internal, invalid } from '../../shared/errors.js';
import type { LogsOptions, LogStream } from './container-service.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';

/** Checks a request for logs; reading begins with the first iteration. */
export function containerLogs(
  ctx: ContainersContext,
  ref: string,
  options: LogsOptions,
  signal: AbortSignal,
): LogStream {
  if (!options.stdout && !options.stderr) throw invalid('Bad parameters: you must choose at least one stream');
  const entry = ctx.registry.find(ref);
  return { tty: entry.container.config.tty, chunks: readLogs(ctx, entry, options, signal) };
}

/** The log ready for the wire. Throws internal for a driver that can't be read. */
export function readLogs(
  _ctx: ContainersContext,
  entry: ContainerEntry,
  options: LogsOptions,
  signal: AbortSignal,
): AsyncIterable<Buffer> {
  const { logPath, config } = entry.container;
  if (logPath === '') throw internal('configured logging driver does not support reading');
  return readJsonFileLogs({
    ...options,
    path: logPath,
    tty: config.tty,
    signal,
    ended: options.follow ? endOfOutput(entry) : undefined,
  });
}

/** Settles when the container has exited (at once when it does not run): its shim writes nothing after that. */
function endOfOutput(entry: ContainerEntry): Promise<void> {
  return entry.run ? entry.run.recorded : Promise.resolve();
}
