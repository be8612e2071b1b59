import {
  checkDnsSearch,
  checkDnsServer,
  checkGatewayIp,
  checkHost,
  checkIp,
  checkLabel,
  checkMirror,
} from './checks.js';
import type { AddressPool, Option, OptionKind } from './option.js';
import {
  anyObjectKind,
  booleanKind,
  featuresKind,
  integerKind,
  listKind,
  networkOptionsKind,
  textKind,
  textMapKind,
} from './option-kinds.js';
import { addressPoolsKind, runtimesKind, sizeKind, ulimitsKind } from './structured-kinds.js';

type Extras<T> = Partial<Omit<Option<T>, 'kind' | 'defaultValue' | 'help'>>;

function option<T>(kind: OptionKind<T>, defaultValue: T, help: string, extras: Extras<T> = {}): Option<T> {
  return {
    kind,
    defaultValue,
    help,
    flag: null,
    short: '',
    reloadable: false,
    effect: 'full',
    section: '',
    flagOnly: false,
    ...extras,
  };
}

const text = textKind();
const ip = textKind('ip', checkIp);
const list = listKind();
const none = { effect: 'none' } as const;
const refused = { effect: 'refused' } as const;
const reloadable = { reloadable: true } as const;

/** Every option once: flags, daemon.json, `--help`, the types, reload and docs/flags.md come from this table. */
export const OPTIONS = {
  // Listening
  hosts: option(listKind('list', checkHost), [], 'Daemon socket(s) to connect to', { flag: 'host', short: 'H' }),
  group: option(text, 'docker', 'Group for the unix socket', { flag: 'group', short: 'G' }),
  tls: option(booleanKind, false, 'Use TLS; implied by --tlsverify', { flag: 'tls' }),
  tlsverify: option(booleanKind, false, 'Use TLS and verify the remote', { flag: 'tlsverify' }),
  tlscacert: option(text, '', 'Trust certs signed only by this CA', { flag: 'tlscacert' }),
  tlscert: option(text, '', 'Path to TLS certificate file', { flag: 'tlscert' }),
  tlskey: option(text, '', 'Path to TLS key file', { flag: 'tlskey' }),
  'min-api-version': option(text, '1.24', 'Oldest API version that is served (always 1.24)', none),
  'authorization-plugins': option(list, [], 'Authorization plugins to load', {
    flag: 'authorization-plugin',
    ...refused,
  }),

  // Paths
  'data-root': option(text, '/var/lib/wharfd', 'Root directory of persistent state', { flag: 'data-root' }),
  'exec-root': option(text, '/var/run/wharfd', 'Root directory for execution state files', { flag: 'exec-root' }),
  pidfile: option(text, '/var/run/wharfd.pid', 'Path to use for daemon PID file', { flag: 'pidfile', short: 'p' }),
  'config-file': option(text, '/etc/docker/daemon.json', 'Daemon configuration file', {
    flag: 'config-file',
    flagOnly: true,
  }),

  // The daemon's own log
  debug: option(booleanKind, false, 'Enable debug mode', { flag: 'debug', short: 'D', ...reloadable }),
  'log-level': option(text, 'info', 'Set the logging level ("debug"|"info"|"warn"|"error"|"fatal")', {
    flag: 'log-level',
    short: 'l',
  }),
  'log-format': option(text, 'text', 'Set the logging format ("text"|"json")', { flag: 'log-format' }),
  'raw-logs': option(booleanKind, false, 'Full timestamps without ANSI coloring (always so)', { flag: 'raw-logs' }),

  // Defaults of containers
  'log-driver': option(text, 'json-file', 'Default driver for container logs', { flag: 'log-driver', ...reloadable }),
  'log-opts': option(textMapKind, {}, 'Default log driver options for containers', { flag: 'log-opt', ...reloadable }),
  runtimes: option(runtimesKind, {}, 'Register an additional OCI compatible runtime', {
    flag: 'add-runtime',
    ...reloadable,
  }),
  'default-runtime': option(text, 'runc', 'Default OCI runtime for containers', {
    flag: 'default-runtime',
    ...reloadable,
  }),
  'exec-opts': option(list, [], 'Runtime execution options: native.cgroupdriver=cgroupfs|systemd', {
    flag: 'exec-opt',
  }),
  'cgroup-parent': option(text, '', 'Set parent cgroup for all containers', { flag: 'cgroup-parent' }),
  'default-cgroupns-mode': option(
    text,
    '',
    'Default mode for containers cgroup namespace ("host" | "private"); private with cgroup v2',
    { flag: 'default-cgroupns-mode', ...reloadable },
  ),
  'default-ipc-mode': option(text, 'private', 'Default mode for containers ipc ("shareable" | "private")', {
    flag: 'default-ipc-mode',
    ...reloadable,
  }),
  'default-shm-size': option(sizeKind, 64 * 1024 ** 2, 'Default shm size for containers', {
    flag: 'default-shm-size',
    ...reloadable,
  }),
  'default-ulimits': option(ulimitsKind, {}, 'Default ulimits for containers', {
    flag: 'default-ulimit',
    ...reloadable,
  }),
  'default-stop-timeout': option(integerKind, 10, 'Seconds that a container has to stop, if it does not say', {
    flag: 'default-stop-timeout',
    ...reloadable,
  }),
  init: option(booleanKind, false, 'Run an init in the container to forward signals and reap processes', {
    flag: 'init',
    ...reloadable,
  }),
  'init-path': option(text, '', 'Path to the docker-init binary; tini or catatonit are looked for', {
    flag: 'init-path',
    ...reloadable,
  }),
  'no-new-privileges': option(booleanKind, false, 'Set no-new-privileges by default for new containers', {
    flag: 'no-new-privileges',
    ...reloadable,
  }),
  'seccomp-profile': option(
    text,
    'builtin',
    'Path to seccomp profile. Set to "unconfined" to disable the default seccomp profile',
    { flag: 'seccomp-profile', ...reloadable },
  ),
  'selinux-enabled': option(booleanKind, false, 'Enable selinux support', { flag: 'selinux-enabled', ...refused }),
  'userns-remap': option(text, '', 'User/Group setting for user namespaces', { flag: 'userns-remap', ...refused }),
  rootless: option(booleanKind, false, 'Enable rootless mode', { flag: 'rootless', ...refused }),
  'cpu-rt-period': option(integerKind, 0, 'CPU real-time period of the parent cgroup, microseconds', {
    flag: 'cpu-rt-period',
    ...none,
  }),
  'cpu-rt-runtime': option(integerKind, 0, 'CPU real-time runtime of the parent cgroup, microseconds', {
    flag: 'cpu-rt-runtime',
    ...none,
  }),
  'shutdown-timeout': option(integerKind, 15, 'Seconds that the daemon has to stop', {
    flag: 'shutdown-timeout',
    ...reloadable,
  }),
  'live-restore': option(booleanKind, true, 'Containers go on while the daemon is stopped (always so)', {
    flag: 'live-restore',
    ...reloadable,
  }),
  containerd: option(text, '', 'containerd grpc address; wharfd has no containerd', { flag: 'containerd', ...none }),
  'containerd-namespace': option(text, 'moby', 'Containerd namespace to use', {
    flag: 'containerd-namespace',
    ...none,
  }),
  'containerd-plugins-namespace': option(text, 'plugins.moby', 'Containerd namespace to use for plugins', {
    flag: 'containerd-plugins-namespace',
    ...none,
  }),
  'cri-containerd': option(booleanKind, false, 'start containerd with cri', { flag: 'cri-containerd', ...none }),

  // Storage, registries, proxies
  'storage-driver': option(text, '', 'Storage driver to use; overlay2 is the only one', {
    flag: 'storage-driver',
    short: 's',
  }),
  'storage-opts': option(list, [], 'Storage driver options', { flag: 'storage-opt', ...none }),
  'max-concurrent-downloads': option(integerKind, 3, 'Set the max concurrent downloads', {
    flag: 'max-concurrent-downloads',
    ...reloadable,
  }),
  'max-concurrent-uploads': option(integerKind, 5, 'Set the max concurrent uploads', {
    flag: 'max-concurrent-uploads',
    ...reloadable,
  }),
  'max-download-attempts': option(integerKind, 5, 'Set the max download attempts for each pull', {
    flag: 'max-download-attempts',
    ...reloadable,
  }),
  'registry-mirrors': option(listKind('list', checkMirror), [], 'Preferred Docker registry mirror', {
    flag: 'registry-mirror',
    ...reloadable,
  }),
  'insecure-registries': option(list, [], 'Enable insecure registry communication', {
    flag: 'insecure-registry',
    ...reloadable,
  }),
  'http-proxy': option(text, '', 'HTTP proxy URL to use for outgoing traffic', {
    flag: 'http-proxy',
    section: 'proxies',
    ...none,
  }),
  'https-proxy': option(text, '', 'HTTPS proxy URL to use for outgoing traffic', {
    flag: 'https-proxy',
    section: 'proxies',
    ...none,
  }),
  'no-proxy': option(text, '', 'Comma-separated list of hosts or IP addresses for which the proxy is skipped', {
    flag: 'no-proxy',
    section: 'proxies',
    ...none,
  }),

  // The default bridge
  bridge: option(text, '', 'Attach containers to a network bridge; "none" for no default bridge', {
    flag: 'bridge',
    short: 'b',
  }),
  bip: option(text, '', 'IPv4 address for the default bridge', { flag: 'bip' }),
  bip6: option(text, '', 'IPv6 address for the default bridge', { flag: 'bip6' }),
  'fixed-cidr': option(text, '', 'IPv4 subnet for the default bridge network', { flag: 'fixed-cidr' }),
  'fixed-cidr-v6': option(text, '', 'IPv6 subnet for the default bridge network', { flag: 'fixed-cidr-v6' }),
  'default-gateway': option(ip, '', 'Default gateway IPv4 address for the default bridge network', {
    flag: 'default-gateway',
  }),
  'default-gateway-v6': option(ip, '', 'Default gateway IPv6 address for the default bridge network', {
    flag: 'default-gateway-v6',
  }),
  mtu: option(integerKind, 1500, 'Set the MTU for the default "bridge" network', { flag: 'mtu' }),
  ip: option(ip, '0.0.0.0', 'Host IP for port publishing from the default bridge network', { flag: 'ip' }),
  icc: option(booleanKind, true, 'Enable inter-container communication for the default bridge network', {
    flag: 'icc',
  }),
  ipv6: option(booleanKind, false, 'Enable IPv6 networking for the default bridge network', { flag: 'ipv6' }),

  // Networking
  iptables: option(booleanKind, true, 'Enable addition of firewall rules', { flag: 'iptables' }),
  ip6tables: option(booleanKind, true, 'Enable addition of IPv6 firewall rules', { flag: 'ip6tables' }),
  'ip-forward': option(booleanKind, true, 'Enable IP forwarding in system configuration', { flag: 'ip-forward' }),
  'ip-forward-no-drop': option(
    booleanKind,
    false,
    'Let everything through when IP forwarding is switched on, not only the traffic of containers',
    {
      flag: 'ip-forward-no-drop',
    },
  ),
  'ip-masq': option(booleanKind, true, 'Enable IP masquerading for the default bridge network', { flag: 'ip-masq' }),
  'userland-proxy': option(
    booleanKind,
    true,
    'Serve published ports in the daemon where the kernel can not, e.g. IPv6 callers of IPv4 containers',
    { flag: 'userland-proxy' },
  ),
  'userland-proxy-path': option(text, '', 'Path to the userland proxy binary', {
    flag: 'userland-proxy-path',
    ...none,
  }),
  'allow-direct-routing': option(
    booleanKind,
    false,
    'Allow remote access to published ports on container IP addresses',
    {
      flag: 'allow-direct-routing',
    },
  ),
  'bridge-accept-fwmark': option(text, '', 'Packets with this mark, or mark/mask, are accepted by bridge networks', {
    flag: 'bridge-accept-fwmark',
  }),
  'firewall-backend': option(text, '', 'Firewall backend; nftables is the only one', { flag: 'firewall-backend' }),
  'default-address-pools': option(
    addressPoolsKind,
    [] as AddressPool[],
    'Default address pools for node specific local networks',
    { flag: 'default-address-pool' },
  ),
  'default-network-opts': option(networkOptionsKind, {}, 'Default network options', {
    flag: 'default-network-opt',
  }),
  dns: option(listKind('ipSlice', checkDnsServer), [], 'DNS server to use', { flag: 'dns', ...reloadable }),
  'dns-opts': option(list, [], 'DNS options to use', { flag: 'dns-opt', ...reloadable }),
  'dns-search': option(listKind('list', checkDnsSearch), [], 'DNS search domains to use', {
    flag: 'dns-search',
    ...reloadable,
  }),
  'host-gateway-ips': option(
    listKind('list', checkGatewayIp),
    [],
    "IP addresses that the special 'host-gateway' string in --add-host resolves to",
    { flag: 'host-gateway-ip', ...reloadable },
  ),
  'network-control-plane-mtu': option(integerKind, 1500, 'Network Control plane MTU', {
    flag: 'network-control-plane-mtu',
    ...none,
  }),
  'network-diagnostic-port': option(integerKind, 0, 'TCP port number of the network diagnostic server', {
    flag: 'network-diagnostic-port',
    ...none,
  }),

  // The rest
  labels: option(listKind('list', checkLabel), [], 'Set key=value labels to the daemon', {
    flag: 'label',
    ...reloadable,
  }),
  experimental: option(booleanKind, false, 'Enable experimental features', { flag: 'experimental' }),
  features: option(
    featuresKind,
    {},
    'Enable feature in the daemon: cdi=false turns CDI devices off, others do nothing',
    {
      flag: 'feature',
    },
  ),
  builder: option(anyObjectKind, {}, "The build cache's limits", none),
  'metrics-addr': option(text, '', 'Set default address and port to serve the metrics api on', {
    flag: 'metrics-addr',
    ...refused,
  }),
  'cdi-spec-dirs': option(list, ['/etc/cdi', '/var/run/cdi'], 'CDI specification directories to use', {
    flag: 'cdi-spec-dir',
  }),
  'nri-opts': option(anyObjectKind, {}, 'Node Resource Interface', none),
  'node-generic-resources': option(list, [], 'Advertise user-defined resource', {
    flag: 'node-generic-resource',
    ...none,
  }),
  'swarm-default-advertise-addr': option(text, '', 'Set default address or interface for swarm advertised address', {
    flag: 'swarm-default-advertise-addr',
    ...none,
  }),
  check: option(booleanKind, false, 'Verify everything in the data-root and exit; 1 when something is wrong', {
    flag: 'check',
    flagOnly: true,
  }),
  'remove-firewall': option(
    booleanKind,
    false,
    'Remove all firewall rules that a daemon left behind, end the relay of published ports, and exit; containers are cut off from these',
    { flag: 'remove-firewall', flagOnly: true },
  ),
  validate: option(booleanKind, false, 'Validate daemon configuration and exit', { flag: 'validate', flagOnly: true }),
  version: option(booleanKind, false, 'Print version information and quit', {
    flag: 'version',
    short: 'v',
    flagOnly: true,
  }),
  help: option(booleanKind, false, 'Print usage', { flag: 'help', flagOnly: true }),
};

export type OptionKey = keyof typeof OPTIONS;
export type OptionValue<K extends OptionKey> = (typeof OPTIONS)[K] extends Option<infer T> ? T : never;

type CamelCase<S extends string> = S extends `${infer Head}-${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : S;

/** All options with their values, by the key of daemon.json in camelCase: `config.dataRoot`, `config.maxConcurrentDownloads`. */
export type DaemonConfig = { readonly [K in OptionKey as CamelCase<K>]: OptionValue<K> };

export function camelCase(key: string): string {
  return key.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** The table, for those who walk through it. */
export const OPTION_LIST: readonly (Option<unknown> & { key: OptionKey })[] = Object.entries(OPTIONS).map(
  ([key, one]) => ({ ...(one as Option<unknown>), key: key as OptionKey }),
);
