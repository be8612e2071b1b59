import { readLogFiles } from '../../host/logs/log-reader.js';
import type { LogMark } from '../../host/logs/open-cursors.js';
import { invalid, notImplemented } from '../../shared/errors.js';
import type { LogsOptions, LogStream } from './container-service.js';
import type { ContainerEntry } from './container-entry.js';
import { containerFiles } from './container-paths.js';
import type { Container } from './container.js';
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

/** The log ready for the wire. Throws not-implemented for a driver that can't be read. */
export function readLogs(
  ctx: ContainersContext,
  { container, run }: ContainerEntry,
  options: LogsOptions,
  signal: AbortSignal,
  before: LogMark | null = null,
): AsyncIterable<Buffer> {
  const { type } = container.hostConfig.logConfig;
  if (type === 'none') throw notImplemented('configured logging driver does not support reading');
  return readLogFiles({
    ...options,
    driver: type === 'local' ? 'local' : 'json-file',
    path: logPath(ctx, container),
    tty: container.config.tty,
    before,
    signal,
    // its shim writes nothing after the exit
    ended: options.follow ? (run ? run.recorded : Promise.resolve()) : undefined,
  });
}

/** Where a container's log is; nothing is there with the driver none. */
export function logPath({ deps }: ContainersContext, { id, hostConfig }: Pick<Container, 'id' | 'hostConfig'>): string {
  const files = containerFiles(deps.paths, id);
  return hostConfig.logConfig.type === 'local' ? files.localLog : files.log;
}
