import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { run } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';

const suite = daemonSuite();
const script = fileURLToPath(new URL('docker_py_scenarios.py', import.meta.url));
const scenarios = [...readFileSync(script, 'utf8').matchAll(/^@scenario\ndef (\w+)/gm)].map(
  (match) => `ok ${match[1]}`,
);
// Old clients are a promise: the same scenarios at the oldest and newest version that this docker-py can speak.
const versions = process.env['WHARF_TEST_TARGET'] ? ['auto'] : ['auto', '1.24', '1.41'];

describe.each(versions)('docker-py with version %s', (version) => {
  it('gets through all its scenarios', async () => {
    // Debian's package belongs to Debian's python, whatever python comes first in $PATH.
    const result = await run('/usr/bin/python3', [script, version], {
      env: suite.daemon.environment,
      timeoutMs: 110_000,
    });
    expect(result.stderr).toBe('');
    expect(result.stdout.trim().split('\n')).toEqual(scenarios);
  });
});
