import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { rawSyscall } from '../../src/host/sys/libc.js';
import { runOk } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';

/** runc behind scripts that write down what is asked of it. Under its own name it is one whose execs need no runtime. */
const dir = mkdtempSync(join(tmpdir(), 'exec-direct-'));
const calls = join(dir, 'calls');
const DIRECT = join(dir, 'runc');
const THROUGH = join(dir, 'through-runc');
for (const path of [DIRECT, THROUGH]) {
  writeFileSync(path, `#!/bin/sh\necho "$*" >> ${calls}\nexec ${await runcPath()} "$@"\n`);
  chmodSync(path, 0o755);
}
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function runcPath(): Promise<string> {
  return (await runOk('sh', ['-c', 'command -v runc'])).trim();
}

const suite = daemonSuite({ flags: ['--add-runtime', `direct=${DIRECT}`, '--add-runtime', `through=${THROUGH}`] });
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);

beforeEach(() => writeFileSync(calls, ''));
const runtimeExecs = (): string[] =>
  readFileSync(calls, 'utf8')
    .split('\n')
    .filter((line) => / exec /.test(line));

/** All that a process can tell about itself and that does not change from one to the next. */
const REPORT = `
grep -Ev '^(Name|Pid|Tgid|Ngid|NSpid|NStgid|NSpgid|NSsid|PPid|Vm|Rss|voluntary|nonvoluntary|Hugetlb|State|SigQ)' /proc/self/status
cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup
for ns in /proc/self/ns/*; do echo "$ns $(readlink $ns)"; done
sort /proc/self/mountinfo
for fd in 0 1 2; do readlink /proc/self/fd/$fd | sed 's/:.*//'; stat -L -c '%u %g %a %F' /proc/self/fd/$fd; done
ls /proc/$$/fd
tr '\\0' '\\n' < /proc/$$/environ
tr '\\0' ' ' < /proc/$$/cmdline
cut -d' ' -f 7,18,19,20,38,40,41 /proc/$$/stat
# group and session are its own
cut -d' ' -f 1,5,6 /proc/$$/stat | tr ' ' '\\n' | uniq | wc -l
stat -c '%u %g' /proc/$$/environ
cat /proc/self/attr/current /proc/self/loginuid /proc/self/coredump_filter /proc/self/personality /proc/self/timerslack_ns
umask; pwd; id; tty
readlink /proc/$$/exe /proc/$$/cwd /proc/$$/root
echo "parent $(cat /proc/$(cut -d' ' -f4 /proc/$$/stat)/comm 2>&1 | sed 's/.*: //')"
`;

/** The seccomp filters of a process, oldest first, as BPF. */
function readFilters(pid: number): Buffer[] {
  const [SEIZE, INTERRUPT, DETACH, GET_FILTER, WALL] = [0x4206, 0x4207, 17, 0x420c, 0x40000000];
  const ptrace = rawSyscall(process.arch === 'x64' ? 101 : 117, ['long', 'long', 'long', 'void *']);
  const wait4 = rawSyscall(process.arch === 'x64' ? 61 : 260, ['long', 'void *', 'long', 'void *']);
  expect(ptrace(SEIZE, pid, 0, null)).toBe(0);
  expect(ptrace(INTERRUPT, pid, 0, null)).toBe(0);
  expect(wait4(pid, Buffer.alloc(4), WALL, null)).toBe(pid);
  const filters: Buffer[] = [];
  for (;;) {
    const length = Number(ptrace(GET_FILTER, pid, filters.length, null));
    if (length < 0) break;
    const code = Buffer.alloc(length * 8);
    ptrace(GET_FILTER, pid, filters.length, code);
    filters.push(code);
  }
  ptrace(DETACH, pid, 0, null);
  return filters;
}

/** The same exec in two containers that differ in nothing but the runtime's name. */
async function both(create: string[], exec: string[]): Promise<{ direct: string; through: string; execs: string[] }> {
  const report = async (runtime: string): Promise<string> => {
    const hostname = create.includes('--uts') ? [] : ['--hostname', 'same'];
    const args = ['--name', runtime, '--runtime', runtime, ...hostname, ...create, 'busybox', 'sleep', '1000'];
    const id = await ok('run', '-d', ...args);
    const result = await docker('exec', ...exec, runtime, 'sh', '-c', REPORT);
    return normalise(`${result.code}\n${result.stdout}${result.stderr}`, id);
  };
  const [direct, through] = await Promise.all([report('direct'), report('through')]);
  return { direct, through, execs: runtimeExecs() };
}

/** Takes out what two containers never have in common: ids, inodes of namespaces, devices and mounts. */
function normalise(text: string, id: string): string {
  return text
    .replaceAll(id, '<id>')
    .replace(/(net|mnt|ipc|uts|pid|pid_for_children|cgroup):\[\d+\]/g, '$1:[…]')
    .replace(/^\d+ \d+ \d+:\d+ /gm, '')
    .replace(/(lowerdir|upperdir|workdir)=\S+/g, '$1=…')
    .replace(/^parent (runc|wharf-shim)$/gm, 'parent')
    .replace(/(master|shared):\d+/g, '$1:…')
    .split('\n')
    .sort()
    .join('\n');
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('an exec that the shim does without the runtime', () => {
  afterEach(async () => void (await docker('rm', '-f', 'direct', 'through')));

  it.each([
    ['with the defaults', [], []],
    ['of a user', [], ['-u', 'app', '-w', '/tmp', '-e', 'MORE=yes']],
    ['of ids that nobody has', [], ['-u', '1234:2345']],
    ['that is privileged', [], ['--privileged']],
    ['in a privileged container', ['--privileged'], []],
    ['in an unconfined container', ['--security-opt', 'seccomp=unconfined'], []],
    ['without new privileges', ['--security-opt', 'no-new-privileges'], []],
    ['without new privileges, of a user', ['--security-opt', 'no-new-privileges'], ['-u', 'app']],
    ['with other capabilities', ['--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN', '--cap-add', 'CHOWN'], []],
    ['with limits', ['--ulimit', 'nofile=456:456', '--ulimit', 'core=0', '--ulimit', 'stack=-1'], []],
    ['with a score for the killer', ['--oom-score-adj', '300', '--memory', '64m', '--pids-limit', '50'], []],
    ['with groups', ['--group-add', '77', '--group-add', '88'], []],
    ["with the host's namespaces", ['--pid', 'host', '--network', 'host', '--uts', 'host'], []],
    ['in namespaces of its own', ['--cgroupns', 'private', '--network', 'none', '--read-only', '--tmpfs', '/tmp'], []],
    ['with an init', ['--init'], []],
    ['with stdin', ['-i'], ['-i']],
    ['with a terminal', [], ['-t']],
    ['with a terminal, of a user', [], ['-t', '-u', 'app']],
  ])('%s is what the runtime would have made', async (_name, create, exec) => {
    const { direct, through, execs } = await both(create, exec);
    expect(direct).toBe(through);
    expect(direct).toContain('Seccomp:');
    expect(execs).toHaveLength(1);
  });

  it('is under the very filter that the runtime installs', async () => {
    await ok('run', '-d', '--name', 'direct', '--runtime', 'direct', 'busybox', 'sleep', '1000');
    await ok('exec', '-d', 'direct', 'sleep', '1234');
    const filters = (await ok('top', 'direct', '-eo', 'pid,args'))
      .split('\n')
      .flatMap((line) => /^ *(\d+) +sleep \d+$/.exec(line)?.[1] ?? [])
      .map((pid) => readFilters(Number(pid)));
    expect(filters).toHaveLength(2);
    const [ofContainer, ofExec] = filters;
    expect(ofContainer).toHaveLength(1);
    expect(ofContainer![0]!.length).toBeGreaterThan(1000);
    expect(ofExec).toEqual(ofContainer);
    expect(runtimeExecs()).toHaveLength(0);
  });

  it('leaves what it cannot do, and the words for it, to the runtime', async () => {
    await ok('run', '-d', '--name', 'direct', '--runtime', 'direct', 'busybox', 'sleep', '1000');
    const attempts: [string[], number, RegExp][] = [
      [['direct', 'nope'], 127, /exec: "nope": executable file not found in \$PATH/],
      [['direct', '/etc/passwd'], 126, /exec: "\/etc\/passwd": permission denied/],
      [['direct', '/tmp'], 126, /exec: "\/tmp": (permission denied|is a directory)/],
      [['-w', '/etc/passwd', 'direct', 'pwd'], 127, /not a directory/],
      [['-w', '/nowhere', 'direct', 'pwd'], 127, /chdir to cwd \("\/nowhere"\).*no such file or directory/],
      // The host's directories must not be reached through what the joining process has open.
      ...[...Array(12).keys()].map((fd): [string[], number, RegExp] => [
        ['-w', `/proc/self/fd/${fd}`, 'direct', 'pwd'],
        -1,
        /chdir to cwd|not a directory|is not a directory|outside of container/,
      ]),
    ];
    for (const [args, code, words] of attempts) {
      const result = await docker('exec', ...args);
      if (code >= 0) expect([args, result.code]).toEqual([args, code]);
      expect(result.code).not.toBe(0);
      expect(result.stdout + result.stderr).toMatch(words);
    }
    expect(runtimeExecs()).toHaveLength(attempts.length);
  });

  it('finds programs as the runtime does', async () => {
    await ok('run', '-d', '--name', 'direct', '--runtime', 'direct', 'busybox', 'sleep', '1000');
    const script = '#!/bin/sh\necho $0 $1';
    await ok('exec', 'direct', 'sh', '-c', `mkdir -p /opt/a/x /opt/b; echo '${script}' > /opt/b/x; chmod +x /opt/b/x`);
    const path = ['-e', 'PATH=/nowhere:/opt/a:/opt/b/:/bin'];
    expect(await ok('exec', ...path, 'direct', 'x', 'y')).toBe('/opt/b/x y');
    expect(await ok('exec', '-w', '/opt', 'direct', 'b/x', 'y')).toBe('b/x y');
    expect(runtimeExecs()).toHaveLength(0);
  });

  it('is not taken in by a container that offers something else as a terminal', async () => {
    await ok('run', '-d', '--name', 'direct', '--runtime', 'direct', 'busybox', 'sleep', '1000');
    await ok('exec', 'direct', 'sh', '-c', 'rm /dev/ptmx && mkfifo /dev/ptmx');
    const result = await docker('exec', '-t', 'direct', 'echo', 'fine');
    expect(result.code).not.toBe(0);
  });
});
