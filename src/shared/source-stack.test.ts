import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sourceStack } from './source-stack.js';

const SOURCE = `export interface Unused { long: string; shape: string }

export function inner(text: string): never {
  throw new TypeError(text);
}
export const outer = (text: string): never =>
  inner(text);
`;

let dir: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'wharf-stack-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function built(name: string, sourcemap: boolean): { outer: (text: string) => never } {
  const outfile = join(dir, name);
  const stdin = { contents: SOURCE, loader: 'ts' as const, sourcefile: 'src/thrower.ts', resolveDir: dir };
  const options = { bundle: true, format: 'cjs' as const, minify: true, absWorkingDir: dir };
  buildSync({ ...options, stdin, outfile, sourcemap: sourcemap ? 'external' : false });
  return createRequire(import.meta.url)(outfile) as { outer: (text: string) => never };
}

function stackOf(work: () => never): string {
  try {
    return work();
  } catch (error) {
    return (error as Error).stack ?? '';
  }
}

describe('a stack of built code', () => {
  it('names the sources, and leaves what has no map', () => {
    const { outer } = built('mapped.js', true);
    const lines = sourceStack(stackOf(() => outer('it broke at /x.js:1:1'))).split('\n');
    expect(lines[0]).toBe('TypeError: it broke at /x.js:1:1');
    expect(lines[1]).toContain(`${dir}/src/thrower.ts:4:9`);
    expect(lines[2]).toContain(`${dir}/src/thrower.ts:7:3`);
    expect(lines[3]).toContain('source-stack.test.ts');
  });

  it('stays as it is without a map', () => {
    const { outer } = built('unmapped.js', false);
    const stack = stackOf(() => outer('it broke'));
    expect(sourceStack(stack)).toBe(stack);
    expect(stack).toContain(`${dir}/unmapped.js:1:`);
  });

  it.each(['{"sources":', '{}', '{"sources":["a.ts"]}'])('stays as it is with a map that says %s', (map) => {
    const { outer } = built('broken.js', false);
    writeFileSync(join(dir, 'broken.js.map'), map);
    const stack = stackOf(() => outer(`it broke with ${map}`));
    expect(sourceStack(stack)).toBe(stack);
  });
});
