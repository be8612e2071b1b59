import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fullHost, loadConfigFromArgv } from './load-config.js';
import { OPTION_LIST } from './options.js';
import { ConfigError, parseFlags } from './parse-flags.js';
import { daemonPaths } from './paths.js';
import { reloadedConfig } from './reload.js';
import { usage } from './usage.js';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-conf-'));
  file = join(folder, 'daemon.json');
  writeFileSync(file, '{}');
});
afterEach(() => rmSync(folder, { recursive: true }));

const load = (...argv: string[]) => loadConfigFromArgv(['--config-file', file, ...argv]).config;
const withFile = (content: unknown, ...argv: string[]) => {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  return load(...argv);
};

describe('the table', () => {
  it('has each flag and short name once', () => {
    const names = OPTION_LIST.flatMap(({ flag, short }) => [flag, short]).filter(
      (name) => name !== null && name !== '',
    );
    expect(new Set(names).size).toBe(names.length);
  });

  it('has defaults that its own kinds can show, and all flags in the help', () => {
    for (const { kind, defaultValue, flag } of OPTION_LIST) {
      expect(typeof kind.show(defaultValue)).toBe('string');
      if (flag !== null) expect(usage()).toContain(`--${flag} `);
    }
  });
});

describe('flags', () => {
  it('gives the defaults without any', () => {
    expect(load()).toMatchObject({
      hosts: ['unix:///var/run/docker.sock'],
      dataRoot: '/var/lib/wharfd',
      execRoot: '/var/run/wharfd',
      logLevel: 'info',
      debug: false,
      icc: true,
      defaultShmSize: 67108864,
      runtimes: {},
    });
  });

  it("takes dockerd's spellings", () => {
    const config = load(
      ...['-H', 'unix:///a.sock', '--host=tcp://127.0.0.1:2375', '-Dl', 'warn', '--icc=false', '--mtu', '1400'],
      ...['--label', 'a=b', '--label=c=d', '--log-opt', 'max-size=10m', '--log-opt', 'max-file=3'],
      ...['--add-runtime', 'crun=/usr/bin/crun', '--default-runtime=crun', '--default-ulimit', 'nofile=10:20'],
      ...['--default-address-pool', 'base=10.1.0.0/16,size=24', '--default-shm-size', '1.5g', '-p', '/x.pid', '-bnone'],
      ...['--registry-mirror', 'http://127.0.0.1:5000', '--feature', 'cdi=false', '--no-new-privileges', '-s=overlay2'],
    );
    expect(config).toMatchObject({
      hosts: ['unix:///a.sock', 'tcp://127.0.0.1:2375'],
      debug: true,
      logLevel: 'warn',
      icc: false,
      mtu: 1400,
      labels: ['a=b', 'c=d'],
      logOpts: { 'max-size': '10m', 'max-file': '3' },
      runtimes: { crun: { path: '/usr/bin/crun', runtimeArgs: [], runtimeType: '' } },
      defaultRuntime: 'crun',
      defaultUlimits: { nofile: { name: 'nofile', soft: 10, hard: 20 } },
      defaultAddressPools: [{ base: '10.1.0.0/16', size: 24 }],
      defaultShmSize: 1.5 * 1024 ** 3,
      pidfile: '/x.pid',
      bridge: 'none',
      registryMirrors: ['http://127.0.0.1:5000/'],
      features: { cdi: false },
      noNewPrivileges: true,
      storageDriver: 'overlay2',
    });
  });

  // Recorded from dockerd 28.5, but for the program's name.
  it.each([
    [['--bogus'], 'unknown flag: --bogus'],
    [['-Z'], "unknown shorthand flag: 'Z' in -Z"],
    [['extra'], 'accepts no arguments'],
    [['--mtu', 'x'], 'invalid argument "x" for "--mtu" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    [
      ['--debug=maybe'],
      'invalid argument "maybe" for "-D, --debug" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    [
      ['-H', 'bogus://x'],
      `invalid argument "bogus://x" for "-H, --host" flag: invalid bind address (bogus://x): unsupported proto 'bogus'`,
    ],
    [
      ['--dns', '1.2.3'],
      'invalid argument "1.2.3" for "--dns" flag: invalid string being converted to IP address: 1.2.3',
    ],
    [['--label', 'x'], 'invalid argument "x" for "--label" flag: bad attribute format: x'],
    [
      ['--registry-mirror', 'foo'],
      `invalid argument "foo" for "--registry-mirror" flag: invalid mirror: no scheme specified for "foo": must use either 'https://' or 'http://'`,
    ],
    [['--add-runtime', 'foo'], 'invalid argument "foo" for "--add-runtime" flag: invalid runtime argument: foo'],
    [
      ['--add-runtime', 'runc=bar'],
      `invalid argument "runc=bar" for "--add-runtime" flag: runtime name 'runc' is reserved`,
    ],
    [
      ['--add-runtime', 'a=b', '--add-runtime', 'a=c'],
      `invalid argument "a=c" for "--add-runtime" flag: runtime 'a' was already defined`,
    ],
    [
      ['--default-ulimit', 'bogus'],
      'invalid argument "bogus" for "--default-ulimit" flag: invalid ulimit argument: bogus',
    ],
    [['--default-shm-size', 'bogus'], `invalid argument "bogus" for "--default-shm-size" flag: invalid size: 'bogus'`],
    [['--ip', 'x'], 'invalid argument "x" for "--ip" flag: failed to parse IP: "x"'],
    [
      ['--host-gateway-ip', 'x'],
      'invalid argument "x" for "--host-gateway-ip" flag: ParseAddr("x"): unable to parse IP',
    ],
    [['--data-root'], 'flag needs an argument: --data-root'],
    [['-H'], "flag needs an argument: 'H' in -H"],
    [['--default-ulimit', 'x=1'], 'invalid argument "x=1" for "--default-ulimit" flag: invalid ulimit type: x'],
    [['--dns-search', 'a_b'], 'invalid argument "a_b" for "--dns-search" flag: a_b is not a valid domain'],
    [['--dns-search', '1'], 'invalid argument "1" for "--dns-search" flag: 1 is not a valid domain'],
    [
      ['--default-network-opt', 'bridge=a'],
      'invalid argument "bridge=a" for "--default-network-opt" flag: invalid value "bridge=a" for map option, should be root-key=key=value',
    ],
  ])('%j: %s', (argv, message) => {
    expect(() => parseFlags(argv)).toThrow(ConfigError);
    expect(() => parseFlags(argv)).toThrow(message);
    expect(() => parseFlags(argv)).toThrow("See 'wharfd --help'.");
  });

  it.each([
    [['-l', 'bogus'], 'invalid logging level: bogus'],
    [['--log-format', 'bogus'], 'invalid log format: bogus'],
    [['--mtu', '-3'], 'invalid default MTU: -3'],
    [['--label', 'a=b', '--label', 'a=c'], 'conflict labels for a=c and a=b'],
    [['--max-concurrent-downloads', '-1'], 'invalid max concurrent downloads: -1'],
    [
      ['--exec-opt', 'native.cgroupdriver=systemd', '--cgroup-parent', '/docker'],
      'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"',
    ],
    [['--exec-opt', 'bogus=foo'], "invalid exec-opt (bogus=foo): unknown option: 'bogus'"],
    [['--default-ipc-mode', 'bogus'], 'default IPC mode setting (bogus) is invalid; use "shareable" or "private"'],
    [['--default-cgroupns-mode', 'x'], 'invalid default cgroup namespace (x): use "host" or "private"'],
    [['--default-runtime', 'foo'], "specified default runtime 'foo' does not exist"],
    [['--storage-driver', 'vfs'], 'driver not supported: vfs'],
    [['--metrics-addr', '127.0.0.1:9'], 'the option metrics-addr is not supported by wharfd'],
    [['--userns-remap', 'default'], 'the option userns-remap is not supported by wharfd'],
    [['--bip', '1.2.3'], 'invalid CIDR address: 1.2.3'],
    [['--max-download-attempts', '-1'], 'invalid max download attempts: -1'],
    [
      ['--host-gateway-ip', '1.1.1.1', '--host-gateway-ip', 'fd00::1', '--host-gateway-ip', '2.2.2.2'],
      'only one IPv4 host gateway IP address can be specified',
    ],
    [['--bip6', '10.0.0.1/24'], 'invalid CIDR address: 10.0.0.1/24'],
    [['--fixed-cidr-v6', 'fd00::/129'], 'invalid CIDR address: fd00::/129'],
    [['--default-gateway-v6', '10.0.0.1'], 'invalid default-gateway-v6: 10.0.0.1'],
    [['--bridge-accept-fwmark', '0x1/'], 'use a number, or number/mask'],
    [['-b', 'br0', '--bip6', 'fd00::1/64'], 'mutually exclusive options'],
    [['-b', 'br0', '--bip', '10.0.0.1/24'], 'mutually exclusive options'],
  ])('%j: %s', (argv, message) => {
    expect(() => load(...argv)).toThrow(ConfigError);
    expect(() => load(...argv)).toThrow(message);
  });
});

describe('daemon.json', () => {
  it('has the same options under their plural keys', () => {
    expect(
      withFile({
        hosts: ['unix:///f.sock'],
        'log-opts': { 'max-size': '1m' },
        runtimes: { kata: { path: '/k', runtimeArgs: ['-x'] } },
        'default-ulimits': { nofile: { Name: 'nofile', Hard: 20, Soft: 10 } },
        'default-address-pools': [{ base: '10.0.0.0/8', size: 24 }],
        proxies: { 'http-proxy': 'http://p' },
        'default-shm-size': '128M',
        'live-restore': true,
        features: { buildkit: true },
        'min-api-version': '1.40',
      }),
    ).toMatchObject({
      hosts: ['unix:///f.sock'],
      logOpts: { 'max-size': '1m' },
      runtimes: { kata: { path: '/k', runtimeArgs: ['-x'] } },
      defaultUlimits: { nofile: { name: 'nofile', soft: 10, hard: 20 } },
      defaultAddressPools: [{ base: '10.0.0.0/8', size: 24 }],
      httpProxy: 'http://p',
      defaultShmSize: 128 * 1024 ** 2,
      features: { buildkit: true },
      minApiVersion: '1.40',
    });
  });

  it('may be empty, and may be absent unless it was named', () => {
    expect(withFile('').debug).toBe(false);
    rmSync(file);
    expect(() => load()).toThrow(
      `unable to configure the Docker daemon with file ${file}: open ${file}: no such file or directory`,
    );
  });

  // Recorded from dockerd 28.5; the hint after the first line is ours.
  it.each([
    [
      { hosts: ['unix:///x'], debug: true },
      ['-H', 'unix:///y', '-D'],
      'the following directives are specified both as a flag and in the configuration file: debug: (from flag: true, from file: true), hosts: (from flag: [unix:///y], from file: [unix:///x])\nRemove each of them',
    ],
    [{ bogus: 1, zzz: 2 }, [], "the following directives don't match any configuration option: bogus, zzz"],
    [{ 'config-file': '/x' }, [], "the following directives don't match any configuration option: config-file"],
    ['{"debug":true', [], 'invalid JSON: '],
    [{ debug: 'x' }, [], 'invalid JSON: json: cannot unmarshal string into Go struct field Config.debug of type bool'],
    ['[]', [], 'invalid JSON: json: cannot unmarshal array into Go value of type map[string]interface {}'],
    [
      { labels: 'x' },
      [],
      'invalid JSON: json: cannot unmarshal string into Go struct field Config.labels of type []string',
    ],
    [{ mtu: 1.5 }, [], 'invalid JSON: json: cannot unmarshal number 1.5 into Go struct field Config.mtu of type int'],
  ])('%j %j: %s', (content, argv, message) => {
    const prefix = `unable to configure the Docker daemon with file ${file}: `;
    expect(() => withFile(content, ...argv)).toThrow(ConfigError);
    expect(() => withFile(content, ...argv)).toThrow(prefix + message);
  });

  it('merges runtimes of both', () => {
    const { runtimes } = withFile({ runtimes: { a: { path: '/a' } } }, '--add-runtime', 'b=/b');
    expect(Object.keys(runtimes).sort()).toEqual(['a', 'b']);
  });
});

it.each([
  ['', false, 'unix:///var/run/docker.sock'],
  ['unix://', false, 'unix:///var/run/docker.sock'],
  ['tcp://', false, 'tcp://127.0.0.1:2375'],
  ['tcp://0.0.0.0', true, 'tcp://0.0.0.0:2376'],
  ['0.0.0.0:99', false, 'tcp://0.0.0.0:99'],
  ['tcp://[::1]:99', false, 'tcp://[::1]:99'],
  ['fd://', false, 'fd://'],
])('the host %j (tls %s) is %s in full', (text, tls, full) => {
  expect(fullHost(text, tls)).toBe(full);
});

it('keeps every path below the two roots', () => {
  const paths = daemonPaths({ dataRoot: '/d/', execRoot: '/e' });
  expect(Object.values(paths).every((path: string) => /^\/(d|e)(\/|$)/.test(path))).toBe(true);
});

it('is told apart from defaults', () => {
  writeFileSync(file, '{"debug": true}');
  const { given } = loadConfigFromArgv(['--config-file', file, '-G', 'adm']);
  expect([...given].sort()).toEqual(['config-file', 'debug', 'group']);
});

it('knows the version of package.json', async () => {
  const { WHARFD_VERSION } = await import('../shared/version.js');
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  expect(WHARFD_VERSION).toBe(manifest.version);
});

it('takes only reloadable options from a new configuration', () => {
  const limits = ['--max-concurrent-downloads', '7', '--max-concurrent-uploads', '8'];
  const next = load(
    '--label',
    'a=b',
    '--data-root',
    '/elsewhere',
    '--exec-opt',
    'native.cgroupdriver=systemd',
    ...limits,
  );
  const config = reloadedConfig(load('--mtu', '1400'), next);
  expect(config).toMatchObject({ maxConcurrentDownloads: 7, maxConcurrentUploads: 8 });
  expect(config).toMatchObject({ labels: ['a=b'], dataRoot: '/var/lib/wharfd', execOpts: [], mtu: 1400 });
});
