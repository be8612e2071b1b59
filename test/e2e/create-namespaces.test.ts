import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxRuns } from '../support/busybox-runs.js';
import { cgroupRoot, hasNoChildren, removeCgroup } from '../support/cgroups.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const { docker, ok, busybox, output } = busyboxRuns(suite);

describe('namespaces of others', () => {
  beforeAll(async () => {
    await ok('run', '-d', '--name', 'sharer', '--ipc', 'shareable', '--network', 'none', 'busybox', 'sleep', '1000');
    await ok('run', '-d', '--name', 'keeper', '--ipc', 'private', '--network', 'none', 'busybox', 'sleep', '1000');
  });
  afterAll(() => ok('rm', '-f', 'sharer', 'keeper'));

  it('shares memory with who lets it', async () => {
    await ok('exec', 'sharer', 'sh', '-c', 'echo shared >/dev/shm/file');
    expect(await output(['--ipc', 'container:sharer'], 'cat /dev/shm/file')).toBe('shared');
    expect(await output(['--ipc', 'private'], 'ls /dev/shm')).toBe('');
    expect((await busybox(['--ipc', 'none'], 'ls -d /dev/shm')).stderr).toContain('No such file or directory');
    expect((await busybox(['--ipc', 'container:nope'], 'true')).stderr).toContain('No such container: nope');
    const namespace = 'readlink /proc/self/ns/ipc';
    expect(await output(['--ipc', 'host'], namespace)).not.toBe(await output([], namespace));
  });

  it('does not join the memory of who keeps it', async () => {
    expect((await busybox(['--ipc', 'container:keeper'], 'true')).stderr).toContain('non-shareable IPC');
  });

  it('sees the processes of another container, and of the host', async () => {
    expect(await output(['--pid', 'container:sharer'], 'cat /proc/1/cmdline | tr "\\0" " "')).toContain('sleep 1000');
    expect(Number(await output(['--pid', 'host'], 'echo $$'))).toBeGreaterThan(1);
    expect((await busybox(['--pid', 'container:nope'], 'true')).stderr).toContain('No such container: nope');
  });

  it("has the host's name, and its control groups, where asked", async () => {
    expect(await output(['--uts', 'host'], 'hostname')).toBe(hostname());
    const own = await output(['--cgroupns', 'private'], 'readlink /proc/self/ns/cgroup');
    const hosts = await output(['--cgroupns', 'host'], 'readlink /proc/self/ns/cgroup');
    expect(own).not.toBe(hosts);
    expect((await busybox(['--hostname', 'x', '--uts', 'host'], 'true')).stderr).toContain(
      'conflicting options: hostname and the UTS mode',
    );
    expect(await output(['--userns', 'host'], 'id -u')).toBe('0');
  });

  it('lies below the control group asked for', async () => {
    const parent = `${suite.daemon.cgroupParent}/below`;
    const flags = ['--cgroupns', 'host', '--cgroup-parent', parent];
    expect(await output(flags, 'cat /proc/self/cgroup')).toContain(`${parent}/`);
    const root = cgroupRoot(suite.daemon.holder.pid);
    await poll('the group of the container to be gone', () => hasNoChildren(parent, root));
    removeCgroup(parent, root);
  });
});

describe('names', () => {
  it('knows the gateway and other hosts', async () => {
    const options = ['--add-host', 'gate:host-gateway', '--add-host', 'other:1.2.3.4', '--add-host', 'six:::1'];
    const hosts = await output(options, 'cat /etc/hosts; ip route | head -1');
    const gateway = /default via (\S+)/.exec(hosts)?.[1];
    expect(hosts).toContain(`${gateway}\tgate\n`);
    expect(hosts).toContain('1.2.3.4\tother\n');
    expect(hosts).toContain('::1\tsix\n');
  });

  it('links to another container: hosts, variables and names', async () => {
    await ok(
      'run',
      '-d',
      '--name',
      'db-one',
      '--hostname',
      'dbhost',
      '-e',
      'KEY=value',
      '--expose',
      '80',
      'busybox',
      'sleep',
      '1000',
    );
    const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'db-one');
    const out = await output(
      ['--name', 'web-one', '--link', 'db-one:my-db', '--link', 'db-one'],
      'env; cat /etc/hosts; ping -c1 -W5 my-db >/dev/null && echo reached',
    );
    for (const line of [
      `MY_DB_PORT=tcp://${address}:80`,
      `MY_DB_PORT_80_TCP=tcp://${address}:80`,
      `MY_DB_PORT_80_TCP_ADDR=${address}`,
      'MY_DB_PORT_80_TCP_PORT=80',
      'MY_DB_PORT_80_TCP_PROTO=tcp',
      'MY_DB_NAME=/web-one/my-db',
      'MY_DB_ENV_KEY=value',
      'DB_ONE_NAME=/web-one/db-one',
      `${address}\tmy-db dbhost db-one`,
      `${address}\tdb-one dbhost`,
      'reached',
    ]) {
      expect(out.split('\n')).toContain(line);
    }
    await ok('rm', '-f', 'db-one');
  });

  it('goes on meaning the same container, and lets a link be removed', async () => {
    await ok('create', '--name', 'db-two', 'busybox', 'sleep', '1000');
    await ok('create', '--name', 'web-two', '--link', 'db-two:db', 'busybox', 'sleep', '1000');
    const names = async (): Promise<string[]> => {
      const { json } = await suite.daemon.api.get('/containers/json?all=1');
      return (json as { Names: string[] }[]).flatMap((row) => row.Names).sort();
    };
    expect(await names()).toEqual(['/db-two', '/web-two', '/web-two/db']);
    expect(await ok('inspect', '-f', '{{.Name}}', 'web-two/db')).toBe('/db-two');
    const { json } = await suite.daemon.api.get('/containers/web-two%2Fdb/json');
    expect(json.Name).toBe('/db-two');
    expect((await docker('start', 'web-two')).stderr).toContain(
      'Cannot link to a non running container: /db-two AS /web-two/db',
    );
    await ok('rename', 'db-two', 'db-renamed');
    expect(await ok('inspect', '-f', '{{.HostConfig.Links}}', 'web-two')).toBe('[/db-renamed:/web-two/db]');
    await ok('start', 'db-renamed', 'web-two');
    expect(await ok('exec', 'web-two', 'cat', '/etc/hosts')).toMatch(/\tdb \w+ db-renamed\n/);
    expect((await docker('rm', '--link', 'web-two')).stderr).toContain('cannot remove the default link name');
    expect((await docker('rm', '--link', 'web-two/nope')).stderr).toContain('No such container: web-two/nope');
    await ok('rm', '--link', '/web-two/db');
    expect(await names()).toEqual(['/db-renamed', '/web-two']);
    expect(await ok('exec', 'web-two', 'cat', '/etc/hosts')).not.toContain('db-renamed');
    expect((await docker('rm', '--link', 'web-two/db')).stderr).toContain('No such container: web-two/db');
    await ok('restart', '-t0', 'web-two');
    await ok('rm', '-f', 'db-renamed', 'web-two');
  });

  it('goes on telling of a link whose container is gone, and does not start without it', async () => {
    await ok('run', '-d', '--name', 'db-four', 'busybox', 'sleep', '1000');
    await ok('run', '-d', '--name', 'web-four', '--link', 'db-four:db', 'busybox', 'sleep', '1000');
    await ok('rm', '-f', 'db-four');
    expect(await ok('inspect', '-f', '{{.HostConfig.Links}}', 'web-four')).toBe('[/db-four:/web-four/db]');
    expect((await docker('restart', '-t0', 'web-four')).stderr).toContain(
      'Cannot link to a non running container: /db-four AS /web-four/db',
    );
    expect((await docker('inspect', 'web-four/db')).stderr).toContain('No such object: web-four/db');
    await ok('rm', '-f', 'web-four');
  });

  it('is for the default bridge only', async () => {
    await ok('network', 'create', 'own');
    await ok('run', '-d', '--name', 'db-five', '--network', 'own', 'busybox', 'sleep', '1000');
    await ok('create', '--name', 'web-five', '--link', 'db-five:db', 'busybox', 'sleep', '1000');
    const id = await ok('inspect', '-f', '{{.Id}}', 'db-five');
    expect((await docker('start', 'web-five')).stderr).toContain(
      `container ${id} not attached to default bridge network`,
    );
    await ok('network', 'connect', 'bridge', 'db-five');
    await ok('start', 'web-five');
    // What another network makes of it is that of its name service, which takes names that nobody has yet.
    await ok('run', '--name', 'web-six', '--network', 'own', '--link', 'nobody:db', 'busybox', 'true');
    expect(await ok('inspect', '-f', '{{json .HostConfig.Links}}', 'web-six')).toBe('null');
    expect(await ok('inspect', '-f', '{{json .NetworkSettings.Networks.own.Links}}', 'web-six')).toBe('["nobody:db"]');
    expect(await output(['--network', 'none', '--link', 'db-five:db'], 'env')).not.toContain('DB_NAME');
    await ok('rm', '-f', 'db-five', 'web-five', 'web-six');
    await ok('network', 'rm', 'own');
  });

  it("tells of a link's new address", async () => {
    await ok('run', '-d', '--name', 'db-three', 'busybox', 'sleep', '1000');
    await ok('run', '-d', '--name', 'web-three', '--link', 'db-three:db', 'busybox', 'sleep', '1000');
    await ok('rename', 'db-three', 'db-drei');
    await ok('stop', '-t0', 'db-drei');
    // It takes the address that has become free.
    await ok('run', '-d', '--name', 'taker', 'busybox', 'sleep', '1000');
    await ok('start', 'db-drei');
    const address = await ok('inspect', '-f', '{{.NetworkSettings.Networks.bridge.IPAddress}}', 'db-drei');
    await poll('the new address to be known', async () =>
      (await ok('exec', 'web-three', 'cat', '/etc/hosts')).includes(`${address}\tdb `),
    );
    await ok('rm', '-f', 'db-drei', 'web-three', 'taker');
  });
});
