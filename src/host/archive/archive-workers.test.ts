import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const source = new URL('../..', import.meta.url).pathname;
/** Inside the project, so that its packages are found. */
const cache = new URL('../../../node_modules/.cache', import.meta.url).pathname;
let dist: string;

/** Threads need compiled files; the unit tests run from source. */
beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  dist = mkdtempSync(join(cache, 'archive-workers-'));
  for (const folder of ['shared', 'host/archive', 'host/sys']) compile(folder);
  writeFileSync(join(dist, 'package.json'), '{"type":"module"}');
  cpSync(join(source, 'host/archive/testing/worker-scenarios.mjs'), join(dist, 'scenarios.mjs'));
});
afterAll(() => rmSync(dist, { recursive: true, force: true }));

function compile(folder: string): void {
  const options = { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ES2022 };
  for (const file of readdirSync(join(source, folder), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(join(source, folder, file), 'utf8'), {
      compilerOptions: options,
    });
    const target = join(dist, folder, file.replace(/\.ts$/, '.js'));
    mkdirSync(join(target, '..'), { recursive: true });
    writeFileSync(target, outputText);
  }
}

describe('on worker threads', () => {
  it.each(['reuse', 'concurrent', 'errors', 'abort', 'pack', 'young', 'timing'])(
    '%s',
    { timeout: 60_000 },
    async (scenario) => {
      const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(dist, 'scenarios.mjs'), scenario]);
      if (scenario === 'timing') console.log(stdout.trim());
      else expect(stdout).toBe('ok\n');
      expect(stderr).toBe('');
    },
  );
});
