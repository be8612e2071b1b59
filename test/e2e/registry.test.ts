import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { LocalRegistry } from '../support/local-registry.js';
import { RegistryLab } from '../support/registry-lab.js';
import { dockerArchive, noise, skopeoPush, tarOf } from '../support/test-images.js';

/** Not on loopback, where everything is insecure and no proxy is asked: one for TLS, one for plain HTTP. */
const SECURE = '10.99.0.1';
const PLAIN = '10.98.0.1';
const TOKENS = '127.0.0.1:5010';
const BASIC = '127.0.0.1:5020';
/** bcrypt of `secret`. */
const HTPASSWD = 'user:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a';
const FORWARD = 3128;
const ACCEPT = 'Accept: application/vnd.docker.distribution.manifest.v2+json';

const suite = daemonSuite({
  image: false,
  setup: `
    ip addr add ${SECURE}/32 dev lo; ip addr add ${PLAIN}/32 dev lo
    work=$(mktemp -d) && mount -t tmpfs tmpfs $work && mkdir $work/upper $work/work
    mount -t overlay overlay -o lowerdir=/etc,upperdir=$work/upper,workdir=$work/work /etc && mkdir -p /etc/docker/certs.d`,
  flags: [
    ...['--insecure-registry', '10.98.0.0/24'],
    ...['--http-proxy', `http://lab:pw@127.0.0.1:${FORWARD}`, '--https-proxy', `http://127.0.0.1:${FORWARD}`],
    ...['--no-proxy', 'other.test,10.97.0.0/16'],
  ],
});
const docker = (...args: string[]) => suite.daemon.docker(args);
const ok = (...args: string[]) => suite.daemon.ok(...args);
const pull = (ref: string, auth?: object | string) =>
  suite.daemon.api.call('POST', `/images/create?fromImage=${encodeURIComponent(ref)}`, undefined, {
    ...(auth === undefined
      ? {}
      : {
          'X-Registry-Auth': typeof auth === 'string' ? auth : Buffer.from(JSON.stringify(auth)).toString('base64url'),
        }),
  });

/** Puts a file into the /etc/docker/certs.d of the daemon's mount namespace. */
async function certsD(path: string, text: string): Promise<void> {
  const full = `/etc/docker/certs.d/${path}`;
  const result = await suite.daemon.holder.run(['bash', '-c', `mkdir -p "$(dirname ${full})" && cat > ${full}`], {
    input: text,
  });
  expect(result.code, result.stderr).toBe(0);
}

/** A certificate with its key, signed by the authority or by itself. */
function certificate(name: string, authority?: string): { cert: string; key: string; certPem: string; keyPem: string } {
  const at = (suffix: string): string => join(suite.daemon.dir, `${name}.${suffix}`);
  const sign = authority
    ? ['-CA', join(suite.daemon.dir, `${authority}.crt`), '-CAkey', join(suite.daemon.dir, `${authority}.key`)]
    : [];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', `/CN=${name}`, ...sign],
      ...(authority ? ['-addext', `subjectAltName=IP:${SECURE},DNS:localhost`] : []),
      ...['-addext', `basicConstraints=critical,CA:${authority ? 'FALSE' : 'TRUE'}`],
      ...['-keyout', at('key'), '-out', at('crt')],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const read = (suffix: string): string => execFileSync('cat', [at(suffix)], { encoding: 'utf8' });
  return { cert: at('crt'), key: at('key'), certPem: read('crt'), keyPem: read('key') };
}

describe.skipIf(process.env['WHARF_TEST_TARGET'])('registries', () => {
  const servers: AsyncDisposable[] = [];
  let lab: RegistryLab;

  beforeAll(async () => {
    const { daemon } = suite;
    const authority = certificate('authority');
    const tls = certificate('server', 'authority');
    const tokens = certificate('tokens');
    lab = await RegistryLab.start(daemon, {
      registryPort: 5000,
      faultPort: 5001,
      tokens: { port: 5100, certificate: tokens.cert, key: tokens.key },
      forwardPort: FORWARD,
    });
    servers.push(lab);
    const realm = 'realm: http://127.0.0.1:5100/token, service: lab-registry, issuer: lab';
    const htpasswd = join(daemon.dir, 'htpasswd');
    writeFileSync(htpasswd, `${HTPASSWD}\n`);
    const starts = [
      LocalRegistry.start(daemon, {
        name: 'tokens',
        port: 5010,
        auth: `auth: {token: {${realm}, rootcertbundle: ${tokens.cert}}}`,
      }),
      LocalRegistry.start(daemon, {
        name: 'secure',
        host: SECURE,
        port: 5443,
        tls: `{certificate: ${tls.cert}, key: ${tls.key}, clientcas: [${authority.cert}]}`,
      }),
      LocalRegistry.start(daemon, {
        name: 'basic',
        port: 5020,
        auth: `auth: {htpasswd: {realm: lab, path: ${htpasswd}}}`,
      }),
      LocalRegistry.start(daemon, { name: 'plain', host: PLAIN, port: 5000 }),
      LocalRegistry.start(daemon, { name: 'open' }),
    ];
    servers.push(...(await Promise.all(starts)));
    const layers = [await tarOf({ one: noise('one', 200_000) }), await tarOf({ two: noise('two', 100_000) })];
    const archive = await dockerArchive(layers, ['app:1']);
    const client = certificate('client', 'authority');
    const dir = join(daemon.dir, 'skopeo-certs');
    mkdirSync(dir);
    writeFileSync(join(dir, 'client.cert'), client.certPem);
    writeFileSync(join(dir, 'client.key'), client.keyPem);
    await skopeoPush(daemon, archive, `${TOKENS}/public/app:1`, '--dest-creds', 'user:secret');
    await skopeoPush(daemon, archive, `${TOKENS}/private/app:1`, '--dest-creds', 'user:secret');
    await skopeoPush(daemon, archive, `${SECURE}:5443/team/app:1`, '--dest-cert-dir', dir);
    await skopeoPush(daemon, archive, `${PLAIN}:5000/team/app:1`);
    for (const tag of ['1', '2']) await skopeoPush(daemon, archive, `127.0.0.1:5000/team/app:${tag}`);
    await lab.set();
  });
  afterAll(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  describe('with tokens', () => {
    it('gives everybody what is public, and nothing else', async () => {
      expect(await ok('pull', `${TOKENS}/public/app:1`)).toContain('Status: Downloaded newer image');
      expect((await lab.seen('token')).map(({ line, authorization }) => [line, authorization])).toContainEqual([
        'GET token repository:public/app:pull',
        null,
      ]);
      await ok('rmi', `${TOKENS}/public/app:1`);
      const refused = await pull(`${TOKENS}/private/app:1`);
      expect(refused.status).toBe(404);
      expect(refused.json.message).toBe(
        `pull access denied for ${TOKENS}/private/app, repository does not exist or may require 'docker login': ` +
          'denied: requested access to the resource is denied',
      );
    });

    it.each<[string, () => object | string, boolean]>([
      ['a password', () => ({ username: 'user', password: 'secret' }), true],
      ['a password, padded', () => Buffer.from('{"username":"user", "password":"secret"} ').toString('base64'), true],
      ['auth as in config.json', () => ({ auth: Buffer.from('user:secret').toString('base64') }), true],
      ['an identity token', () => ({ identitytoken: 'the-identity-token' }), true],
      ['a wrong password', () => ({ username: 'user', password: 'wrong' }), false],
      ['a wrong identity token', () => ({ identitytoken: 'wrong' }), false],
      ['nonsense', () => '%%%', false],
    ])('pulls with X-Registry-Auth of %s', async (_, auth, allowed) => {
      const reply = await pull(`${TOKENS}/private/app:1`, auth());
      if (allowed) {
        expect(reply.status).toBe(200);
        expect(reply.text).toContain('Status: Downloaded newer image');
        await ok('rmi', `${TOKENS}/private/app:1`);
      } else {
        expect(reply.status).toBeGreaterThanOrEqual(400);
        expect(reply.json.message).toMatch(/unauthorized: incorrect username or password|access denied/);
      }
    });

    it('pulls with a bearer token that the client got itself', async () => {
      const scope = 'repository:private/app:pull';
      const url = `http://127.0.0.1:5100/token?service=lab-registry&scope=${scope}`;
      const got = await suite.daemon.holder.run(['curl', '-s', '-u', 'user:secret', url]);
      const registrytoken = (JSON.parse(got.stdout) as { access_token: string }).access_token;
      const reply = await pull(`${TOKENS}/private/app:1`, { registrytoken });
      expect(reply.text).toContain('Status: Downloaded newer image');
      await ok('rmi', `${TOKENS}/private/app:1`);
      const wrong = await pull(`${TOKENS}/private/app:1`, { registrytoken: 'wrong' });
      expect(wrong.status).toBeGreaterThanOrEqual(400);
    });

    it('logs in, pushes, mounts from another repository, and pulls again', async () => {
      expect((await docker('login', '-u', 'user', '-p', 'wrong', TOKENS)).stderr).toMatch(/unauthorized|401/);
      expect(await ok('login', '-u', 'user', '-p', 'secret', TOKENS)).toContain('Login Succeeded');
      await ok('pull', `${TOKENS}/private/app:1`);
      await ok('tag', `${TOKENS}/private/app:1`, `${TOKENS}/private/copy:1`);
      await ok('tag', `${TOKENS}/private/app:1`, `${TOKENS}/private/copy:2`);
      await lab.set();
      const pushed = await ok('push', '-a', `${TOKENS}/private/copy`);
      expect(pushed).toContain('Mounted from private/app');
      expect(pushed).not.toContain('Pushed\n');
      expect((await lab.seen('token')).map(({ line }) => line)).toContainEqual(
        'GET token repository:private/copy:pull,push repository:private/app:pull',
      );
      const digests = [...pushed.matchAll(/^(\d): digest: (sha256:[0-9a-f]{64}) size: \d+$/gm)];
      expect(digests.map((match) => match[1])).toEqual(['1', '2']);
      const original = await ok('image', 'inspect', '-f', '{{json .RepoDigests}}', `${TOKENS}/private/app:1`);
      expect(original).toContain(digests[0]![2]);
      await ok('rmi', '-f', await ok('image', 'inspect', '-f', '{{.Id}}', `${TOKENS}/private/app:1`));
      expect(await ok('pull', '-a', `${TOKENS}/private/copy`)).toContain(
        `Downloaded newer image for ${TOKENS}/private/copy`,
      );
      await ok('rmi', `${TOKENS}/private/copy:1`, `${TOKENS}/private/copy:2`);
      await ok('logout', TOKENS);
    });

    it('says in the stream that a push is refused', async () => {
      await ok('pull', `${TOKENS}/public/app:1`);
      const refused = await docker('push', `${TOKENS}/public/app:1`);
      expect(refused.code).not.toBe(0);
      expect(refused.stdout).toContain(`The push refers to repository [${TOKENS}/public/app]`);
      expect(refused.stderr).toContain('denied: requested access to the resource is denied');
      await ok('rmi', `${TOKENS}/public/app:1`);
    });

    it('tells what is there without pulling', async () => {
      const auth = Buffer.from(JSON.stringify({ username: 'user', password: 'secret' })).toString('base64url');
      const found = await suite.daemon.api.call('GET', `/distribution/${TOKENS}/private/app:1/json`, undefined, {
        'X-Registry-Auth': auth,
      });
      expect(found.json).toEqual({
        Descriptor: {
          mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
          digest: expect.stringMatching(/^sha256:/),
          size: expect.any(Number),
        },
        Platforms: [{ architecture: expect.any(String), os: 'linux' }],
      });
      const missing = await suite.daemon.api.get(`/distribution/${TOKENS}/public/none:1/json`);
      expect([missing.status, missing.json.message]).toEqual([404, 'manifest unknown: manifest unknown']);
      expect((await suite.daemon.api.get('/distribution/UPPER/json')).status).toBe(400);
    });
  });

  describe('with a password', () => {
    const ref = `${BASIC}/team/app:1`;

    it('takes it for a login, a push and a pull, and nobody without', async () => {
      await ok('pull', '127.0.0.1:5000/team/app:1');
      await ok('tag', '127.0.0.1:5000/team/app:1', ref);
      expect((await docker('push', ref)).stderr).toContain('no basic auth credentials');
      expect((await pull(ref)).json.message).toContain('no basic auth credentials');
      const wrong = await docker('login', '-u', 'user', '-p', 'wrong', BASIC);
      expect(wrong.code).not.toBe(0);
      expect(wrong.stderr).toMatch(/unauthorized|401/);
      expect(await ok('login', '-u', 'user', '-p', 'secret', BASIC)).toContain('Login Succeeded');
      expect(await ok('push', ref)).toMatch(/1: digest: sha256:[0-9a-f]{64}/);
      await ok('rmi', ref, '127.0.0.1:5000/team/app:1');
      expect(await ok('pull', ref)).toContain('Status: Downloaded newer image');
      await ok('logout', BASIC);
      expect((await docker('pull', ref)).stderr).toContain('no basic auth credentials');
      const denied = await pull(ref, { username: 'user', password: 'wrong' });
      expect([denied.status, denied.json.message]).toEqual([401, 'unauthorized: authentication required']);
      await ok('rmi', ref);
    });
  });

  describe('with TLS, through a proxy', () => {
    const ref = `${SECURE}:5443/team/app:1`;

    it('trusts only what certs.d names, and shows what is in there, without a restart', async () => {
      const unknown = await pull(ref);
      expect(unknown.json.message).toContain('x509: certificate signed by unknown authority');
      await certsD(
        `${SECURE}:5443/ca.crt`,
        execFileSync('cat', [join(suite.daemon.dir, 'authority.crt')], { encoding: 'utf8' }),
      );
      const anonymous = await pull(ref);
      expect(anonymous.status).toBe(500);
      expect(anonymous.json.message).not.toContain('unknown authority');
      const client = certificate('client2', 'authority');
      await certsD(`${SECURE}:5443/client.cert`, client.certPem);
      const halfway = await pull(ref);
      expect(halfway.json.message).toContain('missing key client.key for client certificate client.cert');
      await certsD(`${SECURE}:5443/client.key`, client.keyPem);
      await lab.set();
      expect(await ok('pull', ref)).toContain('Status: Downloaded newer image');
      expect((await lab.seen('PROXY')).map(({ line }) => line)).toContain(`PROXY CONNECT ${SECURE}:5443`);
      await ok('rmi', ref);
    });

    it('speaks plain HTTP to a network that is named as insecure', async () => {
      await lab.set();
      expect(await ok('pull', `${PLAIN}:5000/team/app:1`)).toContain('Status: Downloaded newer image');
      const asked = await lab.seen('PROXY GET');
      expect(new Set(asked.map(({ line }) => line))).toEqual(new Set([`PROXY GET ${PLAIN}:5000`]));
      expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(
        new Set([`Basic ${Buffer.from('lab:pw').toString('base64')}`]),
      );
      await ok('rmi', `${PLAIN}:5000/team/app:1`);
      expect(await ok('info', '-f', '{{.HTTPProxy}} {{.NoProxy}}')).toBe(
        `http://xxxxx:xxxxx@127.0.0.1:${FORWARD} other.test,10.97.0.0/16`,
      );
    });

    it('asks the mirrors of a hosts.toml first, of any registry', async () => {
      await certsD(
        'any.test:5000/hosts.toml',
        `[host."http://${lab.address}"]\n  capabilities = ["pull", "resolve"]\n`,
      );
      await lab.set();
      expect(await ok('pull', 'any.test:5000/team/app:1')).toContain(
        'Downloaded newer image for any.test:5000/team/app:1',
      );
      expect((await lab.seen('/manifests/')).length).toBeGreaterThan(0);
      await ok('rmi', 'any.test:5000/team/app:1');
    });
  });

  describe('that fail', () => {
    const ref = '127.0.0.1:5001/team/app:1';
    const blobs = '^GET /v2/team/app/blobs/';
    let compressed: { digest: string; size: number }[];

    beforeAll(async () => {
      const manifest = await suite.daemon.holder.run([
        'curl',
        '-s',
        '-H',
        ACCEPT,
        'http://127.0.0.1:5000/v2/team/app/manifests/1',
      ]);
      compressed = (JSON.parse(manifest.stdout) as { layers: typeof compressed }).layers;
    });

    it.each([
      ['cut once', { match: blobs, cutAt: 50_000, times: 2 }],
      ['delayed', { match: '.', delayMs: 100 }],
      [
        'busy for a moment',
        { match: blobs, status: 429, headers: { 'retry-after': '1' }, body: 'slow down', times: 2 },
      ],
      ['out of order for a moment', { match: blobs, status: 503, times: 1 }],
      ['slow', { match: blobs, bytesPerSec: 1_000_000 }],
    ])('pulls from one that is %s', async (_, fault) => {
      await lab.set(fault);
      expect(await ok('pull', ref)).toContain('Status: Downloaded newer image');
      await ok('rmi', ref);
    });

    it('refuses what was changed on the way, and a second try fetches only that', async () => {
      const [one, two] = compressed;
      await lab.set({ match: one!.digest, corruptAt: 60_000, hold: true });
      const pulling = await suite.daemon.api.open('POST', `/images/create?fromImage=${encodeURIComponent(ref)}`);
      let failed = '';
      for await (const chunk of pulling) {
        failed += String(chunk);
        // The other one is whole by then.
        if (failed.includes('Download complete')) await lab.set();
      }
      expect(failed).toContain(`filesystem layer verification failed for digest ${one!.digest}`);
      expect((await docker('image', 'inspect', ref)).code).not.toBe(0);
      await lab.set();
      await ok('pull', ref);
      const sent = (digest: string) =>
        lab.seen(digest).then((seen) => seen.reduce((sum, { sentBytes }) => sum + sentBytes, 0));
      expect(await sent(one!.digest)).toBe(one!.size);
      expect(await sent(two!.digest)).toBe(0);
      await ok('rmi', ref);
    });

    it('says why it gave up, and goes on where it was', async () => {
      const [one] = compressed;
      const dead = { match: one!.digest, status: 400, body: '{"errors":[{"code":"UNSUPPORTED","message":"not now"}]}' };
      await lab.set({ match: one!.digest, cutAt: 100_000, times: 1 }, dead);
      expect((await docker('pull', ref)).stderr).toContain('unsupported: not now');
      await lab.set();
      await ok('pull', ref);
      const [again] = await lab.seen(one!.digest);
      expect(again!.range).toMatch(/^bytes=[1-9]\d*-$/);
      expect(again!.sentBytes).toBeLessThan(one!.size);
      await ok('rmi', ref);
    });

    it('stops when the client leaves', async () => {
      await lab.set({ match: blobs, bytesPerSec: 20_000 });
      const leaving = await suite.daemon.api.open('POST', `/images/create?fromImage=${encodeURIComponent(ref)}`);
      for await (const chunk of leaving) if (String(chunk).includes('Downloading')) break;
      leaving.destroy();
      await expect
        .poll(async () => (await lab.seen(blobs)).filter(({ closed }) => !closed), { timeout: 30_000 })
        .toEqual([]);
      await lab.set();
      await ok('pull', ref);
      await ok('rmi', ref);
    });

    it('goes on with a part after it was killed', async () => {
      const [one] = compressed;
      await lab.set({ match: one!.digest, bytesPerSec: 100_000 });
      const pulling = docker('pull', ref);
      await expect
        .poll(async () => (await lab.seen(one!.digest))[0]?.sentBytes ?? 0, { timeout: 30_000 })
        .toBeGreaterThan(80_000);
      await suite.daemon.down('SIGKILL');
      expect((await pulling).code).not.toBe(0);
      await suite.daemon.up();
      await lab.set();
      await ok('pull', ref);
      const [again] = await lab.seen(one!.digest);
      expect(again!.range).toMatch(/^bytes=[1-9]\d*-$/);
      await ok('rmi', ref);
    });

    it('takes a push up where it was cut', async () => {
      await suite.daemon.docker(['import', '-', '127.0.0.1:5001/team/pushed:1'], {
        input: await tarOf({ big: noise('big', 2_000_000) }),
      });
      await lab.set({ match: '^PATCH ', cutRequestAt: 500_000, times: 1 });
      expect(await ok('push', '127.0.0.1:5001/team/pushed:1')).toMatch(/1: digest: sha256:[0-9a-f]{64}/);
      await ok('rmi', '127.0.0.1:5001/team/pushed:1');
      await ok('pull', '127.0.0.1:5001/team/pushed:1');
      await ok('rmi', '127.0.0.1:5001/team/pushed:1');
    });
  });

  it('imports from a URL', async () => {
    const { daemon } = suite;
    const manifest = await daemon.holder.run([
      'curl',
      '-s',
      '-H',
      ACCEPT,
      'http://127.0.0.1:5000/v2/team/app/manifests/1',
    ]);
    const layer = (JSON.parse(manifest.stdout) as { layers: { digest: string }[] }).layers[0]!.digest;
    const url = `http://127.0.0.1:5000/v2/team/app/blobs/${layer}`;
    const reply = await daemon.api.post(`/images/create?fromSrc=${encodeURIComponent(url)}&repo=fetched&tag=1`);
    expect(reply.text).toContain(`"status":"Downloading from ${url}"`);
    expect(await ok('image', 'inspect', '-f', '{{.Comment}}', 'fetched:1')).toBe(`Imported from ${url}`);
    await ok('rmi', 'fetched:1');
    const missing = await daemon.api.post(`/images/create?fromSrc=${encodeURIComponent(`${url}0`)}&repo=fetched&tag=1`);
    expect([missing.status, missing.json.message]).toEqual([
      expect.any(Number),
      expect.stringContaining(`failed to GET ${url}0 with status 4`),
    ]);
    const refused = await daemon.api.post('/images/create?fromSrc=127.0.0.1:1/x.tar');
    expect([refused.status, refused.json.message]).toEqual([
      500,
      'Get "http://127.0.0.1:1/x.tar": dial tcp 127.0.0.1:1: connect: connection refused',
    ]);
  });

  it('says that it can not search', async () => {
    const { api } = suite.daemon;
    const failed = await api.get('/images/search?term=127.0.0.1:1/foo');
    expect(failed.status).toBe(400);
    expect(failed.json.message).toContain('invalid registry endpoint "http://127.0.0.1:1/v1/"');
    const limit = await api.get('/images/search?term=x&limit=200');
    expect([limit.status, limit.json.message]).toEqual([400, 'limit 200 is outside the range of [1, 100]']);
    expect((await api.get('/images/search?term=x&limit=y')).json.message).toContain('invalid limit specified');
    expect((await api.get('/images/search?term=x&filters={"stars":["x"]}')).json.message).toContain("'stars=x'");
  });
});
