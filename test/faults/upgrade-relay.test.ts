import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, symlinkSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { cliPath, repositoryRoot } from '../support/paths.js';
import { poll } from '../support/poll.js';
import { publishedPorts } from '../support/published-ports.js';

const suite = daemonSuite();
const { inside, fetch, untilServed, serve, relays } = publishedPorts(suite);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const patient = { timeoutMs: 60_000 };

/** The daemon as it is, but for the bytes of its shim. */
function otherVersion(): string {
  const place = join(suite.daemon.dir, 'other');
  cpSync(dirname(cliPath), join(place, 'dist'), { recursive: true });
  symlinkSync(join(repositoryRoot, 'node_modules'), join(place, 'node_modules'));
  appendFileSync(join(place, 'dist/wharf-shim'), 'other');
  return join(place, 'dist/cli.js');
}

/** Downloads from a port; after the first bytes it waits for `go` and lets the sender wait. Gives the hash of all. */
function slowDownload(url: string): { hash: Promise<string>; hasBegun: () => boolean; go: () => void } {
  const [begun, go] = [join(suite.daemon.dir, 'begun'), join(suite.daemon.dir, 'go')];
  const wait = `head -c 100000; touch ${begun}; until [ -e ${go} ]; do sleep 0.1; done; cat`;
  const hash = inside('sh', '-c', `curl -g -s -N '${url}' | { ${wait}; } | sha256sum`);
  return { hash, hasBegun: () => existsSync(begun), go: () => appendFileSync(go, '') };
}

describe('the relay of published ports', () => {
  afterEach(async () => {
    if (!suite.daemon.isUp) await suite.daemon.up();
    await suite.daemon.removeAllContainers();
  });

  it('is followed by one of another version, and finishes the transfers that it has begun', async () => {
    await serve('web', '-p', '8090:80');
    expect(await untilServed('http://[::1]:8090/')).toBe('web');
    const make = 'dd if=/dev/urandom of=/www/big bs=1M count=32 2>/dev/null; sha256sum < /www/big';
    const whole = await ok('exec', 'web', 'sh', '-c', make);
    const [former] = relays();
    const download = slowDownload('http://[::1]:8090/big');
    await poll('the transfer to begin', download.hasBegun, patient);
    await suite.daemon.down('SIGKILL');
    suite.daemon.program = otherVersion();
    await suite.daemon.up();
    expect(relays()).toHaveLength(2);
    expect(relays()).toContain(former);
    expect(await untilServed('http://[::1]:8090/')).toBe('web');
    download.go();
    expect(await download.hash).toBe(whole);
    await poll('the former relay to end', () => !relays().includes(former!), patient);
    expect(await untilServed('http://[::1]:8090/')).toBe('web');
    await ok('rm', '-f', 'web');
    expect(await fetch('http://[::1]:8090/')).toBe('');
  });

  it('is found again when its socket was removed', async () => {
    await serve('found', '-p', '8091:80');
    expect(await untilServed('http://[::1]:8091/')).toBe('found');
    await suite.daemon.down();
    const before = relays();
    unlinkSync(join(suite.daemon.execRoot, 'relay.sock'));
    await suite.daemon.up();
    expect(relays()).toEqual(before);
    expect(await untilServed('http://[::1]:8091/')).toBe('found');
  });

  it('gets a port that somebody took while it was dead as soon as that one has gone', async () => {
    await serve('late', '-p', '8092:80');
    expect(await untilServed('http://[::1]:8092/')).toBe('late');
    await suite.daemon.down();
    for (const pid of relays()) process.kill(pid, 'SIGKILL');
    await poll('the relay to end', () => relays().length === 0, patient);
    const listen = ['socat', 'TCP6-LISTEN:8092,ipv6only,reuseaddr,fork', 'SYSTEM:echo other'];
    const [program, args] = suite.daemon.holder.enter(...listen);
    const other = spawn(program, args, { stdio: 'ignore' });
    try {
      const heard = () => inside('socat', '-u', 'TCP6:[::1]:8092', '-');
      await poll('the other to listen', async () => (await heard()) === 'other', patient);
      await suite.daemon.up();
      expect(await heard()).toBe('other');
    } finally {
      const gone = new Promise((resolve) => other.once('exit', resolve));
      other.kill();
      await gone;
    }
    expect(await untilServed('http://[::1]:8092/')).toBe('late');
  });

  it('ends with --remove-firewall', async () => {
    await serve('removed', '-p', '8093:80');
    expect(await untilServed('http://[::1]:8093/')).toBe('removed');
    await suite.daemon.down();
    const [relay] = relays();
    const { dataRoot, execRoot } = suite.daemon;
    const flags = ['--data-root', dataRoot, '--exec-root', execRoot, '--remove-firewall'];
    expect(await inside(process.execPath, suite.daemon.program, ...flags)).toBe(
      `ended the relay of published ports (pid ${relay})`,
    );
    expect(relays()).toEqual([]);
    expect(existsSync(join(execRoot, 'relay.sock'))).toBe(false);
    expect(await inside('nft', 'list', 'tables')).not.toContain('wharfd');
    await suite.daemon.up();
    expect(await untilServed('http://[::1]:8093/')).toBe('removed');
  });
});
