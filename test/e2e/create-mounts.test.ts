import { mkdirSync, mkdtempSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { busyboxRuns } from '../support/busybox-runs.js';
import { daemonSuite } from '../support/daemon-suite.js';

// The place of the binds is a mount of its own, so that its propagation can be chosen.
const suite = daemonSuite({
  setup:
    'mkdir -p /run/wharf-shared && mount -t tmpfs shared /run/wharf-shared && mount --make-shared /run/wharf-shared',
});
const { docker, ok, busybox, output } = busyboxRuns(suite);

describe('an image with content', () => {
  beforeAll(async () => {
    const script =
      'mkdir -p /content/deep/er && echo hi >/content/deep/er/file && ln -s er/file /content/deep/link && ' +
      'chown -R 5:6 /content && chown 7:8 /content/deep/er/file && chmod 2750 /content/deep && chmod 4711 /content/deep/er/file';
    await ok('run', '--name', 'maker', 'busybox', 'sh', '-c', script);
    await ok('commit', 'maker', 'content:1');
    await ok('rm', 'maker');
  });

  const list =
    "stat -c '%n %u:%g %a' /content /content/deep /content/deep/er/file; readlink /content/deep/link; cat /content/deep/link";
  const expected = [
    '/content 5:6 755',
    '/content/deep 5:6 2750',
    '/content/deep/er/file 7:8 4711',
    'er/file',
    'hi',
  ].join('\n');

  it.each([
    ['a named volume', ['-v', 'named:/content']],
    ['an anonymous volume', ['-v', '/content']],
    ['a mount', ['--mount', 'type=volume,src=mounted,dst=/content']],
  ])('fills %s with owners and modes', async (_what, options) => {
    expect(await ok('run', '--rm', ...options, 'content:1', 'sh', '-c', list)).toBe(expected);
  });

  it.each([
    ['nocopy', ['-v', 'kept-empty:/content:nocopy']],
    ['volume-nocopy', ['--mount', 'type=volume,src=kept-empty2,dst=/content,volume-nocopy']],
  ])('fills nothing with %s', async (_what, options) => {
    expect(await ok('run', '--rm', ...options, 'content:1', 'ls', '/content')).toBe('');
  });

  it('leaves what is in a volume alone', async () => {
    await output(['-v', 'mine:/v'], 'echo mine >/v/mine');
    expect(await ok('run', '--rm', '-v', 'mine:/content', 'content:1', 'ls', '/content')).toBe('mine');
  });

  it('shows a part of a volume', async () => {
    await output(['-v', 'parts:/v'], 'mkdir -p /v/a/b && echo part >/v/a/b/file && ln -s / /v/out');
    const part = (subpath: string) => ['--mount', `type=volume,src=parts,dst=/v,volume-subpath=${subpath}`];
    expect(await output(part('a/b'), 'cat /v/file')).toBe('part');
    expect((await busybox(part('nope'), 'true')).stderr).toMatch(/cannot access path \S+nope: lstat \S+: no such file/);
    expect((await busybox(part('../x'), 'true')).stderr).toContain('subpath must be a relative path within the volume');
    expect((await busybox(part('out'), 'true')).stderr).toMatch(
      /path concatenation escapes the base directory, base: \S+parts\/_data, subpath: out/,
    );
    expect(await output(['-v', 'parts:/v'], 'ln -s a/b /v/within && ls /v')).toBe('a\nout\nwithin');
    expect(await output(part('within'), 'cat /v/file')).toBe('part');
  });

  it('mounts an image, and keeps it for as long as it is used', async () => {
    const mount = ['--mount', 'type=image,src=content:1,dst=/img,image-subpath=content/deep'];
    const { stdout, stderr } = await busybox(mount, 'cat /img/er/file; touch /img/x');
    expect(stdout).toBe('hi\n');
    expect(stderr).toContain('touch: /img/x: Read-only file system');
    await ok('run', '-d', '--name', 'user', '--mount', 'type=image,src=content:1,dst=/img', 'busybox', 'sleep', '1000');
    expect((await docker('rmi', 'content:1')).stderr).toMatch(
      /conflict: unable to remove repository reference "content:1"/,
    );
    await ok('restart', '-t0', 'user');
    expect(await ok('exec', 'user', 'cat', '/img/content/deep/link')).toBe('hi');
    await ok('rm', '-f', 'user');
    const nope = await busybox(['--mount', 'type=image,src=content:1,dst=/img,image-subpath=nope'], 'true');
    expect(nope.stderr).toMatch(/cannot access path \S+nope: lstat/);
    expect(
      (await busybox(['--pull', 'never', '--mount', 'type=image,src=no-such:1,dst=/img'], 'true')).stderr,
    ).toContain('No such image: no-such:1');
  });
});

describe('binds', () => {
  it('lends volumes and binds, in order and read-only where asked', async () => {
    await ok('create', '--name', 'lender', '-v', 'lent:/lent', '-v', '/etc:/hostetc', 'busybox');
    await ok('create', '--name', 'lender2', '-v', 'lent2:/lent', 'busybox');
    await output(['-v', 'lent:/v'], 'echo one >/v/name');
    await output(['-v', 'lent2:/v'], 'echo two >/v/name');
    expect(await output(['--volumes-from', 'lender'], 'cat /lent/name; test -f /hostetc/passwd && echo bound')).toBe(
      'one\nbound',
    );
    expect(await output(['--volumes-from', 'lender', '--volumes-from', 'lender2'], 'cat /lent/name')).toBe('two');
    expect((await busybox(['--volumes-from', 'lender:ro'], 'touch /lent/x')).stderr).toContain('Read-only file system');
    expect(await output(['--volumes-from', 'lender:ro', '-v', 'lent2:/lent'], 'touch /lent/x; cat /lent/name')).toBe(
      'two',
    );
    expect((await busybox(['--volumes-from', 'nope'], 'true')).stderr).toContain('No such container: nope');
    await ok('rm', 'lender', 'lender2');
  });

  it.skipIf(process.env['WHARF_TEST_TARGET'])('propagates as the mount of the host allows', async () => {
    const propagation = (mode: string) =>
      busybox(['-v', `/run/wharf-shared:/s:${mode}`], "grep ' /s ' /proc/self/mountinfo");
    expect((await propagation('rshared')).stdout).toMatch(/ shared:\d+ /);
    expect((await propagation('rslave')).stdout).toMatch(/ master:\d+ /);
    expect((await propagation('rprivate')).stdout).not.toMatch(/ (shared|master):\d+ /);
    const refused = await busybox(['-v', '/etc:/s:shared'], 'true');
    expect(refused.stderr).toMatch(/path \/etc is mounted on \S+ but it is not a shared mount/);
    expect(refused.code).toBe(125);
    expect((await busybox(['-v', '/etc:/s:slave'], 'true')).stderr).toContain('but it is not a shared or slave mount');
  });

  it.skipIf(process.env['WHARF_TEST_TARGET'])('binds the data-root, of whatever propagation the host is', async () => {
    expect(await output(['-v', `${suite.daemon.dataRoot}:/data:ro`], 'ls /data | grep -c wharfd.db')).not.toBe('0');
  });

  it('is read-only below as far as asked', async () => {
    const mount = (more: string) => ['--mount', `type=bind,src=/,dst=/host,readonly,bind-propagation=rprivate${more}`];
    const write = 'touch /host/dev/shm/wharf-probe && rm /host/dev/shm/wharf-probe && echo written';
    expect((await busybox(mount(''), write)).stdout).toBe('');
    expect((await busybox(mount(',bind-recursive=writable'), write)).stdout).toBe('written\n');
    expect((await busybox(mount(',bind-recursive=readonly'), write)).stdout).toBe('');
    expect((await busybox(mount(',bind-recursive=disabled'), 'ls /host/dev/shm 2>&1 || true')).stdout).not.toContain(
      'wharf',
    );
  });

  it('makes a source only where that is asked for', async () => {
    const source = join(suite.daemon.dir, 'made', 'deep');
    const mount = `type=bind,src=${source},dst=/m`;
    expect((await busybox(['--mount', mount], 'true')).stderr).toContain(`bind source path does not exist: ${source}`);
    expect(await output(['-v', `${source}:/m`], 'ls -d /m')).toBe('/m');
  });

  it('has tmpfs with size, mode and options', async () => {
    const mount = (options: string, path = '/t') =>
      output(['--mount', `type=tmpfs,dst=${path}${options}`], `stat -c %a ${path}; grep ' ${path} ' /proc/mounts`);
    expect(await mount(',tmpfs-size=1m,tmpfs-mode=0700')).toMatch(/^700\n.*size=1024k/);
    expect(await mount('')).toMatch(/^1777\n/);
    expect(await output(['--tmpfs', '/t:rw,size=2m,exec'], "grep ' /t ' /proc/mounts")).toMatch(/size=2048k/);
    expect((await busybox(['--tmpfs', '/t:nonsense'], 'true')).stderr).toContain('invalid tmpfs option "nonsense"');
  });

  it('binds files, and what has spaces and commas in its name', async () => {
    const directory = join(suite.daemon.dir, 'a dir');
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'file'), 'text');
    expect(await output(['-v', `${directory}/file:/f`, '-v', `${directory}:/d d`], "cat /f '/d d/file'")).toBe(
      'texttext',
    );
  });
});

// The reference may see other files than we do.
it.skipIf(process.env['WHARF_TEST_TARGET'] !== undefined)(
  'refuses a start when what is bound has gone since the create, and changes nothing',
  async () => {
    const source = mkdtempSync('/var/tmp/wharf-bound-');
    await ok('create', '--name', 'bound', '--mount', `type=bind,src=${source},dst=/x`, 'busybox', 'true');
    rmdirSync(source);
    const { stderr } = await docker('start', 'bound');
    expect(stderr).toContain(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
    expect(await ok('inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'bound')).toBe('created 0');
    mkdirSync(source);
    await ok('start', '-a', 'bound');
    await ok('rm', 'bound');
    rmdirSync(source);
  },
);
