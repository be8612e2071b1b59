import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { busyboxRuns } from '../support/busybox-runs.js';
import { daemonSuite } from '../support/daemon-suite.js';

const specs = mkdtempSync(join(tmpdir(), 'wharf-cdi-'));
afterAll(() => rmSync(specs, { recursive: true, force: true }));

const suite = daemonSuite({ flags: ['--cdi-spec-dir', join(specs, 'a'), '--cdi-spec-dir', join(specs, 'b')] });
const { ok, busybox, output } = busyboxRuns(suite);
const refusal = async (options: string[]): Promise<string> => {
  const { code, stderr } = await busybox(options, 'true');
  // The CLI makes 127 of "no such file or directory".
  expect([125, 127]).toContain(code);
  return stderr;
};

describe('devices', () => {
  it('maps a device to a path, with permissions', async () => {
    expect(await output(['--device', '/dev/null:/dev/mine'], 'stat -c %t:%T /dev/mine')).toBe('1:3');
    const readOnly = await busybox(['--device', '/dev/fuse:/dev/mine:r'], ': >/dev/mine');
    expect(readOnly.stderr).toContain('Operation not permitted');
    expect(await refusal(['--device', '/dev/wharf-none'])).toContain(
      'error gathering device information while adding custom device "/dev/wharf-none": no such file or directory',
    );
    expect(await refusal(['--device', '/etc/passwd'])).toContain('"/etc/passwd": not a device node');
    expect(await refusal(['--device-read-bps', '/dev/wharf-none:1m'])).toContain(
      'stat /dev/wharf-none: no such file or directory',
    );
  });

  it('maps a directory of devices', async () => {
    expect(await output(['--device', '/dev/net:/dev/mynet'], 'stat -c %t:%T /dev/mynet/tun')).toBe('a:c8');
  });

  it('allows what a rule allows', async () => {
    const script = 'mknod /tmp/fuse c 10 229 && head -c 0 /tmp/fuse && echo readable';
    expect((await busybox([], script)).stderr).toContain('Operation not permitted');
    expect(await output(['--device-cgroup-rule', 'c 10:229 r'], script)).toBe('readable');
  });

  it.each([
    [['--gpus', 'all'], 'could not select device driver "" with capabilities: [[gpu]]'],
    [['--device', 'vendor.com/none=x'], 'CDI device injection failed: unresolvable CDI devices vendor.com/none=x'],
  ])('says that there is no %j', async (options, text) => {
    expect(await refusalOfRequest(options)).toContain(text);
  });
});

/** Older CLIs don't know CDI names: the request is what newer ones make of the flag. */
async function refusalOfRequest([flag = '', value = '']: string[]): Promise<string> {
  const request = flag === '--gpus' ? { Count: -1, Capabilities: [['gpu']] } : { Driver: 'cdi', DeviceIDs: [value] };
  const { api } = suite.daemon;
  const { json } = await api.post('/containers/create', {
    Image: 'busybox',
    Cmd: ['true'],
    HostConfig: { DeviceRequests: [request] },
  });
  const { Id } = json as { Id: string };
  const started = await api.post(`/containers/${Id}/start`);
  expect(started.status).toBe(500);
  await api.delete(`/containers/${Id}?force=1`);
  return (started.json as { message: string }).message;
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('CDI', () => {
  async function cdi(names: string[], script: string, more: object = {}): Promise<string> {
    const { api } = suite.daemon;
    const { json } = await api.post('/containers/create', {
      Image: 'busybox',
      Cmd: ['sh', '-c', script],
      Env: ['FROM=container'],
      ...more,
      HostConfig: { DeviceRequests: [{ Driver: 'cdi', DeviceIDs: names }] },
    });
    const { Id } = json as { Id: string };
    const out = await suite.daemon.docker(['start', '-a', Id]);
    await api.delete(`/containers/${Id}?force=1`);
    expect(out.stderr).toBe('');
    return out.stdout.trim();
  }

  it('gives what JSON and YAML files describe: variables, nodes, mounts, hooks and groups', async () => {
    for (const name of ['a', 'b']) mkdirSync(join(specs, name), { recursive: true });
    writeFileSync(join(specs, 'hello'), 'from the host');
    writeFileSync(
      join(specs, 'a', 'vendor.json'),
      JSON.stringify({
        cdiVersion: '0.6.0',
        kind: 'vendor.com/thing',
        containerEdits: { env: ['FROM=file'], additionalGids: [4242] },
        devices: [
          {
            name: 'one',
            containerEdits: {
              env: ['ONE=1'],
              deviceNodes: [{ path: '/dev/cdi-null', hostPath: '/dev/null' }],
              mounts: [{ hostPath: join(specs, 'hello'), containerPath: '/hello', options: ['ro', 'bind'] }],
              hooks: [
                {
                  hookName: 'createRuntime',
                  path: '/bin/sh',
                  args: ['sh', '-c', `echo "$HOOK" >${join(specs, 'hooked')}`],
                  env: ['HOOK=ran'],
                },
              ],
            },
          },
        ],
      }),
    );
    writeFileSync(
      join(specs, 'b', 'other.yaml'),
      'cdiVersion: "0.6.0"\nkind: other.com/thing\ndevices:\n  - name: two\n    containerEdits:\n      env:\n        - TWO=2\n',
    );
    const script = `echo $FROM $ONE $TWO; stat -c %t:%T /dev/cdi-null; echo x >/dev/cdi-null; cat /hello; echo; id -G; touch /hello 2>&1`;
    const text = await cdi(['vendor.com/thing=one', 'other.com/thing=two'], script);
    expect(text).toMatch(/^file 1 2\n1:3\nfrom the host\n[\d ]*4242[\d ]*\ntouch: \/hello: Read-only file system$/);
    expect(await output(['-v', `${specs}:/specs`], 'cat /specs/hooked')).toBe('ran');
  });

  it('lists where it looks', async () => {
    const { json } = await suite.daemon.api.get('/info');
    expect((json as { CDISpecDirs: string[] }).CDISpecDirs).toEqual([join(specs, 'a'), join(specs, 'b')]);
  });
});

describe('what a process may do', () => {
  it('has the limits and sysctls asked for', async () => {
    const options = ['--ulimit', 'nofile=100:200', '--ulimit', 'core=0', '--sysctl', 'net.core.somaxconn=77'];
    const script =
      'ulimit -Sn; ulimit -Hn; ulimit -c; cat /proc/sys/net/core/somaxconn /proc/sys/net/ipv4/ip_unprivileged_port_start';
    expect(await output(options, script)).toBe('100\n200\n0\n77\n0');
  });

  it('refuses the sysctls of namespaces that are not its own', async () => {
    expect(await refusal(['--network', 'host', '--sysctl', 'net.core.somaxconn=77'])).toContain(
      'sysctl "net.core.somaxconn" not allowed in host network namespace',
    );
  });

  it('sets sysctls of an interface', async () => {
    const create = (version: string, body: object) =>
      suite.daemon.api.post(`/v${version}/containers/create`, { Image: 'busybox', Cmd: ['sleep', '1000'], ...body });
    const HostConfig = { Sysctls: { 'net.ipv4.conf.eth0.log_martians': '1' } };
    const { json } = await create('1.43', { HostConfig });
    const { Id, Warnings } = json as { Id: string; Warnings: string[] };
    expect(Warnings[0]).toContain('Migrated sysctl "net.ipv4.conf.eth0.log_martians"');
    await ok('start', Id);
    expect(await ok('exec', Id, 'cat', '/proc/sys/net/ipv4/conf/eth0/log_martians')).toBe('1');
    await ok('rm', '-f', Id);
    expect((await create('1.51', { HostConfig })).text).toContain('must be supplied using driver option');
  });

  it.each([
    [['--security-opt', 'seccomp=unconfined'], 'grep Seccomp: /proc/self/status', 'Seccomp:\t0'],
    [['--security-opt', 'no-new-privileges'], 'grep NoNewPrivs /proc/self/status', 'NoNewPrivs:\t1'],
    [['--security-opt', 'no-new-privileges=false'], 'grep NoNewPrivs /proc/self/status', 'NoNewPrivs:\t0'],
    [['--security-opt', 'label=disable'], 'echo ok', 'ok'],
    [['--security-opt', 'systempaths=unconfined'], "grep -c ' /proc/' /proc/mounts || true", '0'],
    [['--oom-score-adj', '500'], 'cat /proc/self/oom_score_adj', '500'],
    [['--shm-size', '1m'], "grep ' /dev/shm ' /proc/mounts | grep -o size=[0-9]*k", 'size=1024k'],
    [
      ['--domainname', 'example.com', '--hostname', 'web'],
      'hostname -f; cat /proc/sys/kernel/domainname',
      'web.example.com\nexample.com',
    ],
    [
      ['--privileged'],
      'test -e /dev/kmsg && grep -c seccomp /proc/self/status; grep Seccomp: /proc/self/status',
      '0\nSeccomp:\t0',
    ],
  ])('%j', async (options, script, expected) => {
    expect((await busybox(options, script)).stdout.trim()).toBe(expected);
  });

  it('filters system calls with a profile of its own', async () => {
    const profile = join(specs, 'profile.json');
    const syscalls = [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }];
    writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }));
    const { stderr } = await busybox(['--security-opt', `seccomp=${profile}`], 'mkdir /x');
    expect(stderr).toContain('Operation not permitted');
  });

  it('mounts control groups writable where asked', async () => {
    const script = "grep ' /sys/fs/cgroup/*[a-z]* ' /proc/mounts | grep -c ' ro,' || true";
    expect(Number(await output([], script))).toBeGreaterThan(0);
    const { json } = await suite.daemon.api.post('/containers/create', {
      Image: 'busybox',
      Cmd: ['sh', '-c', "grep '^cgroup' /proc/mounts | grep -c ' ro,' || true"],
      HostConfig: { SecurityOpt: ['writable-cgroups=true'] },
    });
    expect(await ok('start', '-a', (json as { Id: string }).Id)).toBe('0');
  });

  it('refuses a size of the root where the file system has no quotas', async () => {
    expect(await refusal(['--storage-opt', 'size=1g'])).toContain(
      "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    );
  });
});
