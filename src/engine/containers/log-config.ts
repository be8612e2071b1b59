import { internal, invalid } from '../../shared/errors.js';
import { parseBool, parseInteger } from '../../shared/go-parse.js';
import { parseByteSize, parseDecimalSize } from '../../shared/byte-size.js';
import type { LogFileOptions } from '../../host/shim/shim-args.js';
import type { Container } from './container.js';
import type { LogConfig } from './container-config.js';
import { logAttrs } from './log-attrs.js';

/** Options that every driver takes; the cache is for drivers that can't be read, of which there are none here. */
const COMMON = ['mode', 'max-buffer-size', 'cache-disabled', 'cache-max-size', 'cache-max-file', 'cache-compress'];
const FILE_OPTIONS = ['max-size', 'max-file', 'compress'];
const DRIVERS: Record<string, { options: readonly string[]; shown: string }> = {
  'json-file': {
    options: [...FILE_OPTIONS, 'labels', 'labels-regex', 'env', 'env-regex', 'tag'],
    shown: 'json-file log driver',
  },
  local: { options: FILE_OPTIONS, shown: 'log driver local' },
};

const DEFAULT_QUEUE_BYTES = 1_000_000;
const LOCAL_MAX_SIZE_BYTES = 20 * 1024 * 1024;
const LOCAL_MAX_FILES = 5;

/** Checks a logging driver's name and the names of its options, as dockerd does at create; values are checked at start. */
export function validateLogConfig({ type, config }: LogConfig): void {
  if (type === 'none') return;
  const mode = config['mode'] ?? '';
  if (!['', 'blocking', 'non-blocking'].includes(mode)) {
    throw invalid(`logger: logging mode not supported: ${mode}`);
  }
  const bufferSize = config['max-buffer-size'];
  if (bufferSize !== undefined) {
    if (mode !== 'non-blocking') {
      throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
    }
    if (parseByteSize(bufferSize) === null) {
      throw invalid(`error parsing option max-buffer-size: ${sizeComplaint(bufferSize)}`);
    }
  }
  const isCacheDisabled = config['cache-disabled'];
  if (isCacheDisabled !== undefined && parseBool(isCacheDisabled) === null) {
    throw invalid(`invalid value for option cache-disabled: ${isCacheDisabled}`);
  }
  const driver = DRIVERS[type];
  if (!driver) throw invalid(`error looking up logging plugin ${type}: plugin "${type}" not found`);
  const unknown = Object.keys(config)
    .sort()
    .find((option) => !COMMON.includes(option) && !driver.options.includes(option));
  if (unknown !== undefined) throw invalid(`unknown log opt '${unknown}' for ${driver.shown}`);
}

/**
 * What the shim is told about the log of a container whose log lies at `path`; null: none is written. Throws internal, as dockerd
 * does at start, for bad values.
 */
export function shimLog(container: Container, path: string): LogFileOptions | null {
  return logFile(container.hostConfig.logConfig, path, () => logAttrs(container));
}

/** The same where nothing of the container is written into the log. */
export function shimLogWithoutAttrs(logConfig: LogConfig, path: string): LogFileOptions | null {
  return logFile(logConfig, path, () => ({}));
}

function logFile(
  { type, config }: LogConfig,
  path: string,
  attrs: () => Record<string, string>,
): LogFileOptions | null {
  if (type === 'none') return null;
  const queueBytes =
    config['mode'] === 'non-blocking' ? (parseByteSize(config['max-buffer-size'] ?? '') ?? DEFAULT_QUEUE_BYTES) : null;
  try {
    const options = type === 'local' ? localOptions(config) : { attrs: attrs(), ...jsonOptions(config) };
    return { path, queueBytes, ...options };
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw internal(`failed to create task for container: failed to initialize logging driver: ${error.message}`);
  }
}

type Rotation = Required<Pick<LogFileOptions, 'format' | 'maxSizeBytes' | 'maxFiles' | 'compress'>>;

/** Throws TypeError with dockerd's words. */
function jsonOptions(config: Record<string, string>): Rotation {
  let maxSizeBytes: number | null = null;
  const maxSize = config['max-size'];
  if (maxSize !== undefined) {
    maxSizeBytes = size(maxSize);
    if (maxSizeBytes <= 0) throw new TypeError('max-size must be a positive number');
  }
  const maxFiles = integer(config['max-file'] ?? '1');
  if (maxFiles < 1) throw new TypeError('max-file cannot be less than 1');
  const compress = bool(config['compress'] ?? 'false');
  if (compress && (maxFiles === 1 || maxSizeBytes === null)) {
    throw new TypeError('compress cannot be true when max-file is less than 2 or max-size is not set');
  }
  return { format: 'json-file', maxSizeBytes, maxFiles, compress };
}

/** Throws TypeError with dockerd's words. */
function localOptions(config: Record<string, string>): Rotation {
  const maxSize = config['max-size'];
  const maxFile = config['max-file'];
  const maxSizeBytes =
    maxSize === undefined
      ? LOCAL_MAX_SIZE_BYTES
      : within(`invalid value for max-size: ${maxSize}: `, () => size(maxSize));
  const maxFiles =
    maxFile === undefined
      ? LOCAL_MAX_FILES
      : within(`invalid value for max-file: ${maxFile}: `, () => integer(maxFile));
  const compress = within('error reading compress log option: ', () => bool(config['compress'] ?? 'true'));
  if (maxFiles < 0) throw new TypeError('max file count cannot be less than 0');
  if (compress && maxFiles <= 1) throw new TypeError('compression cannot be enabled when max file count is 1');
  return { format: 'local', maxSizeBytes: maxSizeBytes > 0 ? maxSizeBytes : null, maxFiles: maxFiles || 1, compress };
}

function within<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof TypeError ? new TypeError(`${what}${error.message}`) : error;
  }
}

function size(text: string): number {
  const bytes = parseDecimalSize(text);
  if (bytes === null) throw new TypeError(sizeComplaint(text));
  return bytes;
}

function integer(text: string): number {
  const value = parseInteger(text);
  if (typeof value === 'number') return value;
  throw new TypeError(`strconv.Atoi: parsing ${JSON.stringify(text)}: ${value}`);
}

function bool(text: string): boolean {
  const value = parseBool(text);
  if (value === null) throw new TypeError(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
  return value;
}

/** Source: docker/go-units. */
function sizeComplaint(text: string): string {
  const match = /^\d+(?:\.\d+)? ?([a-z].*)$/i.exec(text);
  return match ? `invalid suffix: '${match[1]}'` : `invalid size: '${text}'`;
}
