import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { emptyBundle, makeBundle, removeBundle, writeSpec } from './bundle.js';

let dir: string;
let files: Parameters<typeof removeBundle>[0];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'bundle-'));
  const bundle = join(dir, 'b');
  const [config, runtimeLog, shimLog] = ['config.json', 'runtime.log', 'shim.log'].map((name) => join(bundle, name));
  files = { bundle, config: config!, runtimeLog: runtimeLog!, shimLog: shimLog! };
});

afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('is made empty, and has a specification that only root reads', () => {
  makeBundle(files);
  writeFileSync(join(files.bundle, 'pid'), '1');
  makeBundle(files);
  expect(existsSync(join(files.bundle, 'pid'))).toBe(false);
  execFileSync('mkfifo', [files.config]);
  writeSpec(files, '{}');
  expect([lstatSync(files.config).mode, readFileSync(files.config, 'utf8')]).toEqual([0o100600, '{}']);
  removeBundle(files);
  removeBundle(files);
  expect(existsSync(files.bundle)).toBe(false);
});

it('keeps what is not the waiting ones when they are gone', () => {
  makeBundle(files);
  execFileSync('mkfifo', [files.config]);
  for (const path of [files.shimLog, files.runtimeLog, join(files.bundle, 'other')]) writeFileSync(path, '');
  emptyBundle(files);
  emptyBundle(files);
  expect(readdirSync(files.bundle)).toEqual(['other']);
});

it('lets a process go that waits for the specification when the bundle is removed', async () => {
  makeBundle(files);
  execFileSync('mkfifo', [files.config]);
  const reader = spawn('cat', [files.config], { stdio: 'ignore' });
  const ended = once(reader, 'exit');
  await expect
    .poll(() => readFileSync(`/proc/${reader.pid}/stat`, 'utf8'), { timeout: 30_000, interval: 20 })
    .toContain('(cat) S '); // it sleeps nowhere else
  removeBundle(files);
  expect(await ended).toEqual([0, null]);
  makeBundle(files);
  execFileSync('mkfifo', [files.config]);
  removeBundle(files);
  expect(existsSync(files.bundle)).toBe(false);
});
