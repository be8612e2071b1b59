import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { askForI386, kernelAbis } from './abis.js';

const dir = mkdtempSync(join(tmpdir(), 'abis-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.skipIf(process.arch !== 'x64')('kernelAbis', () => {
  it('are those whose calls a program can make', async () => {
    const program = join(dir, 'abi-calls');
    execFileSync('cc', ['-O1', '-static', '-o', program, 'test/fixtures/programs/abi-calls.c']);
    const [i386, x32] = execFileSync(program, ['i386:20', 'x32:39'], { encoding: 'utf8' }).split('\n');
    expect(kernelAbis().i386).toBe(true);
    await askForI386();
    expect(kernelAbis()).toEqual({ i386: i386 === 'ok', x32: x32 === 'ok' });
  });
});
