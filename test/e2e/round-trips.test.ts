import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { extract } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busyboxTar } from '../support/busybox-image.js';
import { run } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { OciLayout } from '../support/oci-layout.js';
import { dockerArchive, sha256, tarOf } from '../support/test-images.js';

/**
 * Images that go to another engine and come back. The engines are running ones, named by their sockets:
 * WHARF_TEST_REFERENCE='dockerd=unix:///a.sock containerd=unix:///b.sock podman=unix:///c.sock'; without them only what needs
 * none is tried, and the rest is reported as skipped.
 */
const references = (process.env['WHARF_TEST_REFERENCE'] ?? '')
  .split(/[ ,]+/)
  .filter((text) => text !== '')
  .map((text) => text.split('=') as [name: string, socket: string]);
if (references.length === 0) {
  process.stderr.write('round trips with dockerd and podman are skipped: WHARF_TEST_REFERENCE names none\n');
}

const suite = daemonSuite({ image: false });
const HOST = process.arch === 'x64' ? 'amd64' : process.arch;

type Engine = (args: string[], input?: Buffer) => Promise<string>;
const ours: Engine = async (args, input) => {
  const result = await suite.daemon.docker(args, { ...(input ? { input } : {}), timeoutMs: 120_000 });
  if (result.code !== 0) throw new Error(`${args.join(' ')}: ${result.stderr}`);
  return result.stdout.trim();
};
const engineAt =
  (socket: string): Engine =>
  async (args, input) => {
    const env = { DOCKER_HOST: socket, DOCKER_CONFIG: join(suite.daemon.dir, 'docker-config') };
    const result = await run('docker', args, { ...(input ? { input } : {}), env, timeoutMs: 120_000 });
    if (result.code !== 0) throw new Error(`${args.join(' ')}: ${result.stderr}`);
    return result.stdout.trim();
  };

/** Everything that is hard to carry. dockerd and podman can't save what they imported from a sparse archive. */
function trickyTar(sparse: boolean): Buffer {
  const root = join(suite.daemon.dir, 'tricky');
  const script = `
    rm -rf ${root}; mkdir -p ${root}/d/sub ${root}/sticky && cd ${root}
    echo data > d/file && ln d/file d/hard && ln -s ../file d/sub/soft && ln -s /etc/passwd abs && ln -s nowhere dangling
    mknod d/null c 1 3 && mkfifo d/fifo && chown -h 123456:654321 d/file && chown 3000000000:7 d/sub && chmod 6755 d/file
    chmod 1777 sticky && chmod 0 d/fifo && printf 'umlaut' > "$(printf 'd/ä b\\tc')"
    truncate -s 1M d/sparse && printf end >> d/sparse && touch -d '2001-02-03 04:05:06.789' d/sub && touch -d '1969-01-01' d/null
    mkdir -p ${'n/'.repeat(20)}$(printf 'x%.0s' {1..120}) && echo deep > ${'n/'.repeat(20)}$(printf 'x%.0s' {1..120})/file
    cp /bin/true capped && python3 -c "
import os
os.setxattr('capped','security.capability',bytes.fromhex('0100000200200000000000000000000000000000'))
os.setxattr('d/file','user.note',b'kept')"`;
  execFileSync('bash', ['-ec', script]);
  const flags = [
    '--numeric-owner',
    '--xattrs',
    '--xattrs-include=*',
    '--format=posix',
    '--sort=name',
    ...(sparse ? ['-S'] : []),
  ];
  return execFileSync('tar', ['-C', root, ...flags, '-cf', '-', '.'], { maxBuffer: 64 << 20 });
}

/** A container's files as `docker export` tells them: a line for each, in order of name. */
async function treeOf(engine: Engine, image: string): Promise<string[]> {
  const container = await engine(['create', image, 'x']);
  const path = join(suite.daemon.dir, `export-${Math.random().toString(36).slice(2)}.tar`);
  try {
    await engine(['export', '-o', path, container]);
  } finally {
    await engine(['rm', container]);
  }
  const lines = new Map<string, string>();
  const digests = new Map<string, string>();
  const hardlinks: [name: string, target: string][] = [];
  const reader = extract();
  reader.end(readFileSync(path));
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    const { header } = entry;
    const name = header.name.replace(/^\.?\//, '').replace(/\/$/, '');
    // What an engine makes for a container itself.
    if (name === '' || /^(\.dockerenv|dev|proc|sys|run|etc)(\/|$)/.test(name)) continue;
    if (header.type === 'link') {
      hardlinks.push([name, (header.linkname ?? '').replace(/^\.?\//, '')]);
      continue;
    }
    const digest = sha256(Buffer.concat(chunks));
    digests.set(name, digest);
    // dockerd exports no other attribute.
    const xattrs = Object.entries(header.pax ?? {}).filter(([key]) => key === 'SCHILY.xattr.security.capability');
    const device = header.type?.endsWith('device') ? `${header.devmajor}:${header.devminor}` : '';
    lines.set(
      name,
      [
        ...[name, header.type, (header.mode ?? 0).toString(8), `${header.uid}:${header.gid}`, header.size],
        ...[
          header.type === 'directory' ? '' : Math.floor((header.mtime?.getTime() ?? 0) / 1000),
          header.linkname ?? '',
        ],
        ...[device, digest.slice(0, 12), sha256(JSON.stringify(xattrs.sort())).slice(0, 12)],
      ].join(' '),
    );
  }
  // Which of the names of a file is the link is up to the writer.
  for (const [name, target] of hardlinks) {
    const of = (lines.get(target) ?? 'nothing').slice(target.length);
    lines.set(name, `${name}${of}`);
  }
  return [...lines.values()].sort();
}

const idOf = (engine: Engine, image: string): Promise<string> => engine(['image', 'inspect', '-f', '{{.Id}}', image]);
const saved = async (engine: Engine, image: string): Promise<string> => {
  const path = join(suite.daemon.dir, `saved-${Math.random().toString(36).slice(2)}.tar`);
  await engine(['save', '-o', path, image]);
  return path;
};
const fileOf = (path: string, name: string): any => JSON.parse(execFileSync('tar', ['-xOf', path, name]).toString());

describe.skipIf(process.env['WHARF_TEST_TARGET'])('with itself', () => {
  it('an image keeps its id and files through save and load', async () => {
    const layers = [busyboxTar(), trickyTar(true)];
    await ours(['load'], await dockerArchive(layers, ['trip:0']));
    const before = [await idOf(ours, 'trip:0'), await treeOf(ours, 'trip:0')];
    const path = await saved(ours, 'trip:0');
    await ours(['rmi', 'trip:0']);
    await ours(['load', '-i', path]);
    expect([await idOf(ours, 'trip:0'), await treeOf(ours, 'trip:0')]).toEqual(before);
    await ours(['rmi', 'trip:0']);
  });
});

describe.skipIf(process.env['WHARF_TEST_TARGET']).each(references)('with %s', (kind, socket) => {
  const theirs = engineAt(socket);
  const isOfContainerd = kind === 'containerd';
  const forget = async (engine: Engine, image: string): Promise<void> => {
    await engine(['rmi', '-f', image]).catch(() => undefined); // it may not be there
  };
  beforeAll(async () => {
    for (const name of ['trip:1', 'trip:2', 'trip:multi']) await forget(theirs, name);
  });
  afterAll(async () => {
    for (const name of ['trip:1', 'trip:2', 'trip:multi']) await forget(theirs, name);
  });

  it('what we save is the same image with the same files there', async () => {
    await ours(['load'], await dockerArchive([busyboxTar(), trickyTar(true)], ['trip:1']));
    const path = await saved(ours, 'trip:1');
    expect(await theirs(['load', '-i', path])).toContain('trip:1');
    const expected = isOfContainerd ? fileOf(path, 'index.json').manifests[0].digest : await idOf(ours, 'trip:1');
    expect(await idOf(theirs, 'trip:1')).toBe(expected);
    expect(await treeOf(theirs, 'trip:1')).toEqual(await treeOf(ours, 'trip:1'));
    await ours(['rmi', 'trip:1']);
  });

  it('what it saves is the same image with the same files here, and goes back', async () => {
    await theirs(['import', '-', 'trip:2'], trickyTar(false));
    const path = await saved(theirs, 'trip:2');
    expect(await ours(['load', '-i', path])).toContain('trip:2');
    const [{ Config }] = fileOf(path, 'manifest.json');
    const id = await idOf(ours, 'trip:2');
    expect(id.slice(7)).toBe((Config as string).replace('blobs/sha256/', '').replace('.json', ''));
    if (!isOfContainerd) expect(await idOf(theirs, 'trip:2')).toBe(id);
    expect(await treeOf(ours, 'trip:2')).toEqual(await treeOf(theirs, 'trip:2'));
    const before = await idOf(theirs, 'trip:2');
    const back = await saved(ours, 'trip:2');
    if (kind !== 'podman') {
      const digests = (file: string) =>
        fileOf(file, 'index.json').manifests.map((one: { digest: string }) => one.digest);
      expect(digests(back)).toEqual(digests(path));
    }
    await forget(theirs, 'trip:2');
    await theirs(['load', '-i', back]);
    expect(await idOf(theirs, 'trip:2')).toBe(before);
    await ours(['rmi', 'trip:2']);
  });

  it('an index with attestations goes there and comes back', async () => {
    const layout = new OciLayout();
    const own = layout.image(HOST, [busyboxTar()]);
    const other = layout.image(HOST === 's390x' ? 'amd64' : 's390x', [await tarOf({ other: 'other' })]);
    const index = layout.index([own, other, layout.attestation(own)]);
    layout.add(index, 'docker.io/library/trip:multi');
    await ours(['load'], await layout.tar());
    await theirs(['load', '-i', await saved(ours, 'trip:multi')]);
    if (!isOfContainerd) {
      // It knows no indexes, and takes the image for this machine.
      expect(await idOf(theirs, 'trip:multi')).toBe(own.config);
      return;
    }
    expect(await idOf(theirs, 'trip:multi')).toBe(index.digest);
    const path = await saved(theirs, 'trip:multi');
    await ours(['rmi', 'trip:multi']);
    await ours(['load', '-i', path]);
    expect(await ours(['image', 'inspect', '-f', '{{.Id}} {{.Descriptor.digest}}', 'trip:multi'])).toBe(
      `${own.config} ${index.digest}`,
    );
    await ours(['rmi', 'trip:multi']);
  });
});
