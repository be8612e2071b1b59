import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';

const suite = daemonSuite();
const ok = (...args: string[]) => suite.daemon.ok(...args);
const inside = (...command: string[]) => ok('exec', 'edited', ...command);
const hosts = () => inside('cat', '/etc/hosts');
const resolvConf = () => inside('cat', '/etc/resolv.conf');
const addressOn = async (network: string): Promise<string> => {
  const { json } = await suite.daemon.api.get('/v1.51/containers/edited/json');
  return json.NetworkSettings.Networks[network].IPAddress;
};

/** Tried with dockerd 28.5 (WHARF_TEST_TARGET). */
describe('what every container finds', () => {
  it('can be read by all its users, whatever the umask of who started the daemon', async () => {
    const files = ['/', '/etc/hostname', '/etc/hosts', '/etc/resolv.conf'];
    const modes = await ok('run', '--rm', '-h', 'boat', 'busybox', 'stat', '-c', '%a %U', ...files);
    expect(modes.split('\n')).toEqual(['755 root', '644 root', '644 root', '644 root']);
  });

  it('is called by its name again after a restart', async () => {
    await ok('run', '-d', '--name', 'edited', '-h', 'boat', 'busybox', 'sleep', '600');
    await inside('sh', '-c', 'echo mine > /etc/hostname');
    await ok('restart', '-t', '0', 'edited');
    expect(await inside('cat', '/etc/hostname')).toBe('boat');
    await ok('rm', '-f', 'edited');
  });
});

describe('files that somebody edited in a container', () => {
  it('lose and get the container’s own lines only, until its next start', async () => {
    await ok('network', 'create', 'here');
    await ok('network', 'create', 'there');
    await ok('run', '-d', '--name', 'edited', '--hostname', 'boat', '--network', 'here', 'busybox', 'sleep', '600');
    const here = await addressOn('here');
    await inside('sh', '-c', 'echo "192.0.2.9 mine" >> /etc/hosts; echo "# mine" >> /etc/resolv.conf');
    await ok('network', 'connect', 'there', 'edited');
    const there = await addressOn('there');
    expect((await hosts()).split('\n').slice(-3)).toEqual([`${here}\tboat`, '192.0.2.9 mine', `${there}\tboat`]);
    await ok('network', 'disconnect', 'here', 'edited');
    expect((await hosts()).split('\n').slice(-2)).toEqual(['192.0.2.9 mine', `${there}\tboat`]);
    expect(await resolvConf()).toMatch(/nameserver 127\.0\.0\.11[^]*# mine$/);
    await ok('restart', '-t', '0', 'edited');
    expect(await hosts()).not.toContain('mine');
    expect(await hosts()).toContain(`${await addressOn('there')}\tboat`);
    expect(await resolvConf()).not.toContain('mine');
    await ok('rm', '-f', 'edited');
  });

  it('are written again where nobody did', async () => {
    await ok('run', '-d', '--name', 'edited', 'busybox', 'sleep', '600');
    expect(await resolvConf()).toContain('(legacy)');
    await ok('network', 'connect', 'here', 'edited');
    expect(await resolvConf()).toContain('nameserver 127.0.0.11');
    await ok('network', 'disconnect', 'here', 'edited');
    await inside('sh', '-c', 'echo "nameserver 192.0.2.53" > /etc/resolv.conf');
    await ok('network', 'connect', 'here', 'edited');
    expect(await resolvConf()).toBe('nameserver 192.0.2.53');
    await ok('rm', '-f', 'edited');
    await ok('network', 'rm', 'here', 'there');
  });

  it.skipIf(process.env['WHARF_TEST_TARGET'])('are remembered by the next daemon', async () => {
    await ok('network', 'create', 'later');
    await ok('run', '-d', '--name', 'edited', 'busybox', 'sleep', '600');
    await inside('sh', '-c', 'echo "nameserver 192.0.2.53" > /etc/resolv.conf');
    await suite.daemon.down('SIGKILL');
    await suite.daemon.up();
    await ok('network', 'connect', 'later', 'edited');
    expect(await resolvConf()).toBe('nameserver 192.0.2.53');
    // A container that fills its file with rubbish is left alone with it.
    await inside('sh', '-c', 'dd if=/dev/zero of=/etc/hosts bs=1M count=2 2>/dev/null');
    await ok('network', 'disconnect', 'later', 'edited');
    expect(await inside('stat', '-c', '%s', '/etc/hosts')).toBe(String(2 * 1024 ** 2));
    await ok('rm', '-f', 'edited');
    await ok('network', 'rm', 'later');
  });
});
