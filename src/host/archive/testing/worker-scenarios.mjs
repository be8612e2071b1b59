// Run by archive-workers.test.ts beside the compiled files: each scenario prints `ok` when it holds.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { getHeapSpaceStatistics } from 'node:v8';

// Found beside the copy of this file that the test makes, not beside this one.
const compiled = (name) => import(new URL(`./host/archive/${name}.js`, import.meta.url).href);
const { packDirectory } = await compiled('pack-directory');
const { submitArchiveJob } = await compiled('archive-workers');
const { unpackLayer } = await compiled('unpack-layer');

// In memory where possible: ext4 without a journal is slow to reuse the inodes of files removed shortly before.
const base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'wharf-workers-'));
const archive = join(base, 'a.tar');
const target = (name) => {
  const path = join(base, name);
  mkdirSync(path);
  return path;
};

function makeArchive(files, bytes) {
  const from = target('from');
  for (let index = 0; index < files; index++) {
    const dir = join(from, `d${index % 40}`);
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, `f${index}`), Buffer.alloc(bytes, index));
  }
  execFileSync('tar', ['-C', from, '-cf', archive, '.']);
}

const scenarios = {
  async reuse() {
    makeArchive(50, 300_000);
    const one = await unpackLayer({ path: archive }, target('one'));
    const two = await unpackLayer(createReadStream(archive), target('two'));
    assert.equal(one.diffId, two.diffId);
    execFileSync('diff', ['-r', join(base, 'one'), join(base, 'two')]);
  },
  async concurrent() {
    makeArchive(50, 100_000);
    const all = Array.from({ length: 7 }, (_, index) => unpackLayer(createReadStream(archive), target(`t${index}`)));
    assert.equal(new Set((await Promise.all(all)).map(({ diffId }) => diffId)).size, 1);
  },
  async errors() {
    makeArchive(2, 3_000_000);
    const junk = Readable.from(
      Array.from({ length: 500 }, () => Buffer.alloc(65536, 'junk')),
      { objectMode: false },
    );
    await assert.rejects(unpackLayer(junk, target('junk')), { kind: 'internal', message: /invalid tar header/ });
    assert.equal(junk.destroyed, true);
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('x');
        throw new Error('connection reset');
      })(),
      { objectMode: false },
    );
    await assert.rejects(unpackLayer(broken, target('broken')), { message: 'connection reset' });
    await assert.rejects(unpackLayer({ path: join(base, 'missing') }, target('nope')), { code: 'ENOENT' });
    const { entries } = await unpackLayer(createReadStream(archive), target('fine'));
    assert.equal(entries, 5);
  },
  async abort() {
    const abort = new AbortController();
    const endless = new Readable({ read: () => undefined });
    const done = unpackLayer(endless, target('t'), { signal: abort.signal });
    abort.abort(new Error('client gone'));
    await assert.rejects(done, { message: 'client gone' });
    assert.equal(endless.destroyed, true);
    await assert.rejects(submitArchiveJob('disk-usage', { directory: base }, { signal: abort.signal }));
    assert.equal(await submitArchiveJob('disk-usage', { directory: base }), 0);
  },
  async pack() {
    makeArchive(30, 1_000_000);
    const to = target('to');
    await unpackLayer(packDirectory(join(base, 'from')), to);
    execFileSync('diff', ['-r', join(base, 'from'), to]);
    const left = packDirectory(to);
    for await (const chunk of left) {
      assert.ok(chunk.length > 0);
      break;
    }
    assert.equal(left.destroyed, true);
    assert.equal(readdirSync(to).length, 30);
  },
  async young() {
    const { keepHeapSmall } = await import(new URL('./shared/keep-heap-small.js', import.meta.url).href);
    keepHeapSmall();
    await submitArchiveJob('disk-usage', { directory: base });
    // Of two messages of a thread, on ports of their own, the second has been heard of.
    await new Promise(setImmediate);
    const survivors = Array.from({ length: 300_000 }, (_, index) => ({ index }));
    assert.equal(survivors.length, 300_000);
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    assert.ok(young.space_size <= 4 * 1024 * 1024, `${young.space_size} bytes`);
  },
  async timing() {
    makeArchive(4000, 24_576);
    const started = performance.now();
    const { sizeBytes } = await unpackLayer({ path: archive }, target('timed'));
    const ms = Math.round(performance.now() - started);
    process.stdout.write(`unpacked 4,000 files, ${Math.round(sizeBytes / 1e6)} MB in ${ms} ms\n`);
  },
};

const name = process.argv[2];
try {
  await scenarios[name]();
} finally {
  rmSync(base, { recursive: true, force: true });
}
if (name !== 'timing') process.stdout.write('ok\n');
