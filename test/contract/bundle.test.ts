import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { cliPath } from '../support/paths.js';

/**
 * V8 keeps a source with a character beyond Latin 1 in twice the memory, for as long as the daemon lives. In strings esbuild escapes them, in
 * regular expressions the source has to: `\u00b5`.
 */
it('bundles are ASCII', () => {
  const dist = dirname(cliPath);
  const bundles = readdirSync(dist).filter((name) => name.endsWith('.js'));
  expect(bundles).toContain('run-daemon.js');
  for (const name of bundles) {
    const beyond = /[^\0-\x7f].{0,40}/.exec(readFileSync(join(dist, name), 'latin1'));
    expect(beyond?.[0], name).toBeUndefined();
  }
});
