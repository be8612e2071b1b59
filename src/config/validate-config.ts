import { isIP } from 'node:net';
import type { DaemonConfig, OptionKey } from './options.js';
import { camelCase, OPTION_LIST } from './options.js';
import { ConfigError } from './parse-flags.js';
import { prefixLength } from './structured-kinds.js';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'warning', 'error', 'fatal', 'panic'];

/** `0x1`, `17`, `0x1/0xff`. */
const MARK = /^(0x[0-9a-f]{1,8}|\d{1,10})(\/(0x[0-9a-f]{1,8}|\d{1,10}))?$/i;

/** What can't be seen in one value of one option alone. Throws `ConfigError` with dockerd's words where it has some. */
export function validateConfig(config: DaemonConfig): void {
  const message = RULES.map((rule) => rule(config)).find((one) => one !== null);
  if (message !== undefined) throw new ConfigError(message);
}

/** null: fine. */
type Rule = (config: DaemonConfig) => string | null;

const unless = (condition: boolean, message: string): string | null => (condition ? null : message);

const RULES: readonly Rule[] = [
  refusedOptions,
  (c) => unless(LOG_LEVELS.includes(c.logLevel), `invalid logging level: ${c.logLevel}`),
  (c) => unless(['text', 'json'].includes(c.logFormat), `invalid log format: ${c.logFormat}`),
  conflictingLabels,
  (c) => unless(c.mtu >= 0, `invalid default MTU: ${c.mtu}`),
  (c) => unless(c.maxConcurrentDownloads >= 0, `invalid max concurrent downloads: ${c.maxConcurrentDownloads}`),
  (c) => unless(c.maxConcurrentUploads >= 0, `invalid max concurrent uploads: ${c.maxConcurrentUploads}`),
  (c) => unless(c.maxDownloadAttempts >= 0, `invalid max download attempts: ${c.maxDownloadAttempts}`),
  execOptions,
  (c) =>
    unless(
      cgroupDriverOption(c.execOpts) !== 'systemd' || c.cgroupParent === '' || /^.+\.slice$/.test(c.cgroupParent),
      'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"',
    ),
  (c) =>
    unless(
      ['', 'private', 'shareable'].includes(c.defaultIpcMode),
      `default IPC mode setting (${c.defaultIpcMode}) is invalid; use "shareable" or "private"`,
    ),
  (c) =>
    unless(
      ['', 'host', 'private'].includes(c.defaultCgroupnsMode),
      `invalid default cgroup namespace (${c.defaultCgroupnsMode}): use "host" or "private"`,
    ),
  (c) => unless(c.shutdownTimeout >= -1, `invalid shutdown timeout: ${c.shutdownTimeout}`),
  (c) =>
    unless(['', 'overlay2'].includes(c.storageDriver), `driver not supported: ${c.storageDriver}; wharfd has overlay2`),
  (c) =>
    unless(
      ['', 'nftables'].includes(c.firewallBackend),
      `invalid firewall-backend "${c.firewallBackend}"; wharfd has "nftables"`,
    ),
  (c) => unless(c.bip === '' || isCidr(c.bip, 4), `invalid CIDR address: ${c.bip}`),
  (c) => unless(c.fixedCidr === '' || isCidr(c.fixedCidr, 4), `invalid CIDR address: ${c.fixedCidr}`),
  (c) => unless(c.bip6 === '' || isCidr(c.bip6, 6), `invalid CIDR address: ${c.bip6}`),
  (c) => unless(c.fixedCidrV6 === '' || isCidr(c.fixedCidrV6, 6), `invalid CIDR address: ${c.fixedCidrV6}`),
  (c) =>
    unless(c.defaultGateway === '' || isIP(c.defaultGateway) === 4, `invalid default-gateway: ${c.defaultGateway}`),
  (c) =>
    unless(
      c.defaultGatewayV6 === '' || isIP(c.defaultGatewayV6) === 6,
      `invalid default-gateway-v6: ${c.defaultGatewayV6}`,
    ),
  (c) =>
    unless(
      c.bridgeAcceptFwmark === '' || MARK.test(c.bridgeAcceptFwmark),
      `invalid bridge-accept-fwmark: ${c.bridgeAcceptFwmark}: use a number, or number/mask`,
    ),
  (c) =>
    unless(
      c.bridge === '' || c.bip6 === '',
      'You specified -b & --bip6, mutually exclusive options. Please specify only one',
    ),
  (c) =>
    unless(
      c.bridge === '' || c.bip === '',
      'You specified -b & --bip, mutually exclusive options. Please specify only one',
    ),
  oneGatewayIpOfEach,
  (c) => unless(/^1\.\d+$/.test(c.minApiVersion), `invalid API version: ${c.minApiVersion}`),
  (c) => apiVersionRange(c.minApiVersion),
  defaultRuntime,
  (c) => unless(!c.tls || (c.tlscert !== '' && c.tlskey !== ''), 'TLS needs --tlscert and --tlskey'),
  (c) => unless(!c.tlsverify || c.tlscacert !== '', '--tlsverify needs --tlscacert'),
];

function refusedOptions(config: DaemonConfig): string | null {
  const values = config as unknown as Record<string, unknown>;
  const used = OPTION_LIST.find(
    ({ key, effect, defaultValue }) =>
      effect === 'refused' && JSON.stringify(values[camelCase(key)]) !== JSON.stringify(defaultValue),
  );
  return used ? `the option ${used.key satisfies OptionKey} is not supported by wharfd: remove it` : null;
}

function conflictingLabels(config: DaemonConfig): string | null {
  const seen = new Map<string, string>();
  for (const label of config.labels) {
    const key = label.split('=', 1)[0] ?? '';
    const other = seen.get(key);
    if (other !== undefined && other !== label) return `conflict labels for ${label} and ${other}`;
    seen.set(key, label);
  }
  return null;
}

function execOptions(config: DaemonConfig): string | null {
  for (const option of config.execOpts) {
    const [key = '', value] = option.split(/=(.*)/s);
    if (value === undefined) return `invalid exec-opt (${option}): must be formatted 'opt=value'`;
    if (key.toLowerCase() !== 'native.cgroupdriver') return `invalid exec-opt (${option}): unknown option: '${key}'`;
    if (value !== 'cgroupfs' && value !== 'systemd') return `invalid exec-opt (${option}): use cgroupfs or systemd`;
  }
  return null;
}

function oneGatewayIpOfEach({ hostGatewayIps }: DaemonConfig): string | null {
  const twice = [4, 6].find((version) => hostGatewayIps.filter((address) => isIP(address) === version).length > 1);
  return twice === undefined ? null : `only one IPv${twice} host gateway IP address can be specified`;
}

function defaultRuntime(config: DaemonConfig): string | null {
  const name = config.defaultRuntime;
  const known = ['', 'runc', 'io.containerd.runc.v2', ...Object.keys(config.runtimes)];
  return unless(known.includes(name), `specified default runtime '${name}' does not exist`);
}

function apiVersionRange(version: string): string | null {
  const minor = Number(version.split('.')[1]);
  return unless(minor >= 24 && minor <= 55, `minimum API version ${version} is not between 1.24 and 1.55`);
}

function isCidr(text: string, version: 4 | 6): boolean {
  return prefixLength(text) !== null && isIP(text.split('/', 1)[0] ?? '') === version;
}

/** The value of `native.cgroupdriver`; null when it is not given. */
export function cgroupDriverOption(execOpts: readonly string[]): 'cgroupfs' | 'systemd' | null {
  const value = execOpts.findLast((option) => option.toLowerCase().startsWith('native.cgroupdriver='))?.split('=')[1];
  return value === 'systemd' || value === 'cgroupfs' ? value : null;
}
