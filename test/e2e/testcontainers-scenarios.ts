/** Scenarios for testcontainers against the daemon named by DOCKER_HOST, whose network this process shares. Prints one `ok NAME` each. */
import { strict as assert } from 'node:assert';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DockerComposeEnvironment, GenericContainer, Network, PullPolicy, Wait } from 'testcontainers';
import { extract } from 'tar-stream';

const SERVE =
  "trap 'exit 0' TERM; mkdir -p /www; echo page > /www/index.html; httpd -p 80 -h /www; echo serving; while :; do sleep 0.1; done";
const IDLE = "trap 'exit 0' TERM; echo up; while :; do sleep 0.1; done";

const scenarios = {
  async 'services on a network, the second gated by the health of the first'() {
    await using network = await new Network().start();
    await using store = await new GenericContainer('busybox')
      .withNetwork(network)
      .withNetworkAliases('store')
      .withCommand(['sh', '-c', SERVE])
      .withHealthCheck({
        test: ['CMD-SHELL', 'wget -q -O - http://127.0.0.1/index.html'],
        interval: 1000,
        timeout: 20_000,
        retries: 60,
      })
      .withWaitStrategy(Wait.forHealthCheck())
      .start();
    await using app = await new GenericContainer('busybox')
      .withNetwork(network)
      .withEnvironment({ STORE: store.getIpAddress(network.getName()) })
      .withCommand(['sh', '-c', `echo app got $(wget -q -O - http://$STORE/); ${IDLE}`])
      .withWaitStrategy(Wait.forLogMessage('app got page'))
      .start();
    assert.deepEqual(app.getNetworkNames(), [network.getName()]);
  },

  async 'a port is reachable as soon as the container has started'() {
    await using container = await new GenericContainer('busybox')
      .withExposedPorts(80)
      .withCommand(['sh', '-c', SERVE])
      .withWaitStrategy(Wait.forAll([Wait.forListeningPorts(), Wait.forHttp('/index.html', 80)]))
      .start();
    const reply = await fetch(`http://${container.getHost()}:${container.getMappedPort(80)}/`);
    assert.equal(await reply.text(), 'page\n');
    await container.restart();
    const again = await fetch(`http://${container.getHost()}:${container.getMappedPort(80)}/`);
    assert.equal(again.status, 200);
  },

  async 'exec gives output and code'() {
    await using container = await new GenericContainer('busybox').withCommand(['sh', '-c', IDLE]).start();
    const result = await container.exec(['sh', '-c', 'echo out; echo err >&2; pwd; echo $X; id -un; exit 4'], {
      workingDir: '/tmp',
      env: { X: 'y' },
      user: 'app',
    });
    assert.equal(result.exitCode, 4);
    assert.equal(result.stdout, 'out\n/tmp\ny\napp\n');
    assert.equal(result.stderr, 'err\n');
  },

  async 'logs of the whole life, also through a consumer'() {
    const consumed: string[] = [];
    await using container = await new GenericContainer('busybox')
      .withCommand(['sh', '-c', 'for i in 1 2 3; do echo line $i; done; echo oops >&2'])
      .withLogConsumer((stream) => stream.on('data', (line: string) => consumed.push(line.trim())))
      .withWaitStrategy(Wait.forOneShotStartup())
      .start();
    const lines: string[] = [];
    for await (const chunk of await container.logs()) lines.push(...String(chunk).trim().split('\n'));
    assert.deepEqual(lines.sort(), ['line 1', 'line 2', 'line 3', 'oops']);
    const deadline = Date.now() + 30_000;
    while (consumed.length < 4 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
    assert.deepEqual(consumed.sort(), lines);
  },

  async 'files are copied before the start, into the running container, and out of it'() {
    const file = join(mkdtempSync(join(tmpdir(), 'wharf-tc-')), 'file');
    writeFileSync(file, 'from a file\n');
    await using container = await new GenericContainer('busybox')
      .withCopyContentToContainer([{ content: 'early\n', target: '/srv/deep/early', mode: 0o600 }])
      .withCopyFilesToContainer([{ source: file, target: '/srv/file' }])
      .withCommand(['sh', '-c', `cat /srv/deep/early; ${IDLE}`])
      .withWaitStrategy(Wait.forLogMessage('early'))
      .start();
    await container.copyContentToContainer([{ content: 'late\n', target: '/srv/late' }]);
    const shown = await container.exec(['sh', '-c', 'cat /srv/file /srv/late; stat -c %a /srv/deep/early']);
    assert.equal(shown.output, 'from a file\nlate\n600\n');
    const names: string[] = [];
    const tar = (await container.copyArchiveFromContainer('/srv')).pipe(extract());
    for await (const entry of tar) {
      names.push(entry.header.name);
      entry.resume();
    }
    assert.deepEqual(names.sort(), ['srv/', 'srv/deep/', 'srv/deep/early', 'srv/file', 'srv/late']);
  },

  async 'limits, labels, mounts and users are as asked'() {
    await using container = await new GenericContainer('busybox')
      .withName('tc-limits')
      .withLabels({ who: 'tc' })
      .withResourcesQuota({ memory: 0.0625, cpu: 0.5 })
      .withTmpFs({ '/scratch': 'rw,size=1m' })
      .withUser('app')
      .withUlimits({ nofile: { soft: 200, hard: 300 } })
      .withPullPolicy(PullPolicy.defaultPolicy())
      .withCommand(['sh', '-c', `ulimit -n; id -un; ${IDLE}`])
      .withWaitStrategy(Wait.forSuccessfulCommand('touch /scratch/it'))
      .start();
    const logs: string[] = [];
    const stream = await container.logs();
    for await (const chunk of stream) {
      logs.push(...String(chunk).trim().split('\n'));
      if (logs.length >= 3) break;
    }
    assert.deepEqual(logs, ['200', 'app', 'up']);
    assert.equal(container.getName(), '/tc-limits');
    assert.equal(container.getLabels()['who'], 'tc');
  },

  async 'a container that fails its wait is an error with its logs, and is removed'() {
    const failing = new GenericContainer('busybox')
      .withName('tc-fails')
      .withCommand(['sh', '-c', 'echo doomed; exit 3'])
      .withWaitStrategy(Wait.forLogMessage('never said').withStartupTimeout(20_000))
      .start();
    await assert.rejects(failing, /never said/);
    await using next = await new GenericContainer('busybox')
      .withName('tc-fails')
      .withCommand(['sh', '-c', IDLE])
      .start();
    assert.equal(next.getName(), '/tc-fails');
  },

  async 'a compose environment with wait strategies'() {
    const dir = mkdtempSync(join(tmpdir(), 'wharf-tcc-'));
    const service = (command: string): object => ({
      image: 'busybox',
      command: ['sh', '-c', command.replaceAll('$', '$$')],
    });
    writeFileSync(
      join(dir, 'docker-compose.yml'),
      JSON.stringify({ services: { web: { ...service(SERVE), ports: ['80'] }, side: service(IDLE) } }),
    );
    const environment = await new DockerComposeEnvironment(dir, 'docker-compose.yml')
      .withWaitStrategy('web-1', Wait.forHttp('/index.html', 80))
      .withWaitStrategy('side-1', Wait.forLogMessage('up'))
      .up();
    const web = environment.getContainer('web-1');
    assert.equal(await (await fetch(`http://${web.getHost()}:${web.getMappedPort(80)}/`)).text(), 'page\n');
    await environment.down({ removeVolumes: true });
  },
} satisfies Record<string, () => Promise<void>>;

// testcontainers unrefs the sockets of its log streams, so that something else has to keep the process alive.
const alive = setInterval(() => undefined, 1000);
for (const [name, scenario] of Object.entries(scenarios)) {
  if (name.includes('compose') && process.argv[2] === 'without-compose') continue;
  await scenario();
  console.log('ok', name);
}
clearInterval(alive);
