import { internal, invalid } from '../../shared/errors.js';
import { parseByteSize } from '../../shared/byte-size.js';
import type { JsonFileLogOptions } from '../../host/shim/shim-args.js';
import type { Container } from './container.js';
import type { LogConfig } from './container-config.js';

const COMMON = ['mode', 'max-buffer-size', 'labels', 'labels-regex', 'env', 'env-regex', 'tag'];
const DRIVERS: Record<string, readonly string[]> = {
  'json-file': ['max-size', 'max-file', 'compress'],
  none: [],
};

/** Checks a logging driver's name and the names of its options, as dockerd does at create; values are checked at start. */
export function validateLogConfig({ type, config }: LogConfig): void {
  const known = DRIVERS[type];
  if (!known) throw invalid(`error looking up logging plugin ${type}: plugin "${type}" not found`);
  if (type === 'none') return;
  for (const option of Object.keys(config)) {
    if (![...COMMON, ...known].includes(option)) {
      throw invalid(`unknown log opt '${option}' for ${type} log driver`);
    }
  }
  const mode = config['mode'] ?? '';
  if (!['', 'blocking', 'non-blocking'].includes(mode)) {
    throw invalid(`logger: logging mode not supported: ${mode}`);
  }
  if ('max-buffer-size' in config && mode !== 'non-blocking') {
    throw invalid("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  }
}

/** What the shim is told about the log; null: none is written. Throws internal, as dockerd does at start, for bad values. */
export function shimLog(container: Container): JsonFileLogOptions | null {
  const { type, config } = container.hostConfig.logConfig;
  if (type !== 'json-file') return null;
  const fail = (text: string): Error =>
    internal(`failed to create task for container: failed to initialize logging driver: ${text}`);
  let maxSizeBytes: number | null = null;
  const maxSize = config['max-size'];
  if (maxSize !== undefined && maxSize !== '-1') {
    maxSizeBytes = parseByteSize(maxSize);
    if (maxSizeBytes === null) throw fail(`invalid size: '${maxSize}'`);
    if (maxSizeBytes <= 0) throw fail('max-size must be a positive number');
  }
  const maxFiles = Number(config['max-file'] ?? '1');
  if (!Number.isInteger(maxFiles)) {
    throw fail(`strconv.Atoi: parsing "${config['max-file']}": invalid syntax`);
  }
  if (maxFiles < 1) throw fail('max-file cannot be less than 1');
  const compressText = config['compress'] ?? 'false';
  if (!['true', 'false', '1', '0', 't', 'f'].includes(compressText.toLowerCase())) {
    throw fail(`strconv.ParseBool: parsing "${compressText}": invalid syntax`);
  }
  const compress = ['true', '1', 't'].includes(compressText.toLowerCase());
  if (compress && (maxFiles === 1 || maxSizeBytes === null)) {
    throw fail('compress cannot be true when max-file is less than 2 or max-size is not set');
  }
  return { path: container.logPath, maxSizeBytes, maxFiles, compress, attrs: logAttrs(container) };
}

/** The labels and variables that the options `labels`, `labels-regex`, `env`, `env-regex` and `tag` pick. */
export function logAttrs({ id, name, config, imageRef, hostConfig }: Container): Record<string, string> {
  const options = hostConfig.logConfig.config;
  const attrs: Record<string, string> = {};
  const env = Object.fromEntries(config.env.map(splitPair));
  const pick = (from: Record<string, string>, names: string | undefined, regex: string | undefined): void => {
    const wanted = (names ?? '').split(',').filter(Boolean);
    const pattern = regex ? new RegExp(regex) : null;
    for (const [key, value] of Object.entries(from)) {
      if (wanted.includes(key) || pattern?.test(key)) attrs[key] = value;
    }
  };
  pick(config.labels, options['labels'], options['labels-regex']);
  pick(env, options['env'], options['env-regex']);
  if (options['tag']) {
    attrs['tag'] = options['tag']
      .replaceAll('{{.ID}}', id.slice(0, 12))
      .replaceAll('{{.FullID}}', id)
      .replaceAll('{{.Name}}', name)
      .replaceAll('{{.ImageName}}', imageRef);
  }
  return attrs;
}

function splitPair(entry: string): [string, string] {
  const [name = '', value = ''] = entry.split(/=(.*)/s);
  return [name, value];
}
