import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { hasCompose, installComposePlugin } from '../support/compose-project.js';

const suite = daemonSuite();
const script = fileURLToPath(new URL('testcontainers-scenarios.ts', import.meta.url));
const tsx = fileURLToPath(new URL('../../node_modules/.bin/tsx', import.meta.url));
const scenarios = [...readFileSync(script, 'utf8').matchAll(/^ {2}async '(.*)'\(\)/gm)].map(
  (match) => `ok ${match[1]}`,
);

beforeAll(() => installComposePlugin(suite.daemon));

it.skipIf(process.env['WHARF_TEST_TARGET'])('testcontainers gets through all its scenarios', async () => {
  const { environment, holder, dir, api } = suite.daemon;
  const env = { ...environment, TESTCONTAINERS_RYUK_DISABLED: 'true', HOME: dir, TMPDIR: dir };
  const hasPlugin = await hasCompose('docker compose');
  const result = await holder.run([tsx, script, hasPlugin ? '' : 'without-compose'], { env, timeoutMs: 110_000 });
  expect(result.stderr).toBe('');
  expect(result.stdout.trim().split('\n')).toEqual(scenarios.filter((name) => hasPlugin || !name.includes('compose')));
  expect((await api.get('/containers/json?all=1')).json).toEqual([]);
});
