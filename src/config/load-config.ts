import { errorMessage } from '../shared/errors.js';
import type { Logger } from '../shared/logger.js';
import type { DaemonConfig, OptionKey } from './options.js';
import { camelCase, OPTION_LIST } from './options.js';
import type { GivenOptions } from './parse-flags.js';
import { ConfigError, parseFlags } from './parse-flags.js';
import { readConfigFile } from './read-file.js';
import { validateConfig } from './validate-config.js';

/** The configuration and where its values come from. */
export interface LoadedConfig {
  config: DaemonConfig;
  /** Given by flag or file; the others have their defaults. */
  given: ReadonlySet<OptionKey>;
  configFile: string;
}

/**
 * Flags and daemon.json put together and validated. Throws `ConfigError`. `--help`, `--version` are only flags here; the
 * caller looks at them first (see `parseFlags`).
 */
export function loadConfig(flags: GivenOptions): LoadedConfig {
  const configFile = (flags.get('config-file') as string | undefined) ?? '/etc/docker/daemon.json';
  let all: GivenOptions;
  try {
    const file = readConfigFile(configFile, flags.has('config-file'));
    all = file ? combine(flags, file) : flags;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`unable to configure the Docker daemon with file ${configFile}: ${error.message}`);
  }
  const config = fill(all);
  validateConfig(config);
  return { config, given: new Set(all.keys()), configFile };
}

/** The same from a command line, for tests and tools. */
export function loadConfigFromArgv(argv: readonly string[]): LoadedConfig {
  return loadConfig(parseFlags(argv));
}

function combine(flags: GivenOptions, file: GivenOptions): GivenOptions {
  const all: GivenOptions = new Map([...file, ...flags]);
  const conflicts: string[] = [];
  for (const { key, kind } of OPTION_LIST.toSorted((a, b) => (a.key < b.key ? -1 : 1))) {
    if (!flags.has(key) || !file.has(key)) continue;
    const [fromFlag, fromFile] = [flags.get(key), file.get(key)];
    if (kind.merge) all.set(key, kind.merge(fromFlag, fromFile));
    else conflicts.push(`${key}: (from flag: ${kind.show(fromFlag)}, from file: ${kind.show(fromFile)})`);
  }
  if (conflicts.length === 0) return all;
  const hosts =
    flags.has('hosts') && file.has('hosts') ? "; a systemd unit's -H is changed with systemctl edit wharfd" : '';
  throw new ConfigError(
    `the following directives are specified both as a flag and in the configuration file: ${conflicts.join(', ')}\n` +
      `Remove each of them from the command line or from the file${hosts}.`,
  );
}

function fill(given: GivenOptions): DaemonConfig {
  const entries = OPTION_LIST.map(({ key, defaultValue }) => [camelCase(key), given.get(key) ?? defaultValue] as const);
  const config = Object.fromEntries(entries) as DaemonConfig;
  const tls = config.tls || config.tlsverify;
  return { ...config, tls, hosts: (config.hosts.length > 0 ? config.hosts : ['']).map((host) => fullHost(host, tls)) };
}

/** The address in full: `tcp://` and `:2375` get what they leave out. */
export function fullHost(host: string, tls: boolean): string {
  const text = host.trim();
  if (text === '' || text === 'unix://') return 'unix:///var/run/docker.sock';
  if (/^(unix|fd):\/\//.test(text)) return text;
  const match = /^(?:tcp:\/\/)?(\[[0-9a-fA-F:.%]+\]|[^:/[\]]*)(?::(\d*))?(\/.*)?$/.exec(text);
  const port = match?.[2] ? Number(match[2]) : tls ? 2376 : 2375;
  if (!match || port > 65535 || (match[3] ?? '/') !== '/') {
    throw new ConfigError(`invalid bind address (${host}): should be tcp://address:port, unix://path or fd://`);
  }
  return `tcp://${match[1] === '' ? '127.0.0.1' : match[1]}:${port}`;
}

/** Tells about options that were given and do nothing. */
export function warnAboutOptions({ given }: LoadedConfig, logger: Logger): void {
  for (const { key, effect } of OPTION_LIST) {
    if (effect === 'none' && given.has(key)) logger.warn({ option: key }, 'this option has no effect in wharfd');
  }
}

/** What the user sees of a failure to configure. */
export function configMessage(error: unknown): string {
  return errorMessage(error);
}
