// Adds up the results of all suites that scripts/test.sh left in a folder, and says what failed and what was skipped.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const folder = process.argv[2];
const root = new URL('..', import.meta.url).pathname;
const total = { passed: 0, failed: 0 };
const failures = [];
const skipped = new Map();

function read(name) {
  return readFileSync(join(folder, name), 'utf8').trim();
}

function addSuite(suite, status) {
  const path = join(folder, `${suite}.json`);
  if (!existsSync(path)) return fail(`${suite}: it did not run to its end (exit status ${status})`);
  const before = total.failed;
  for (const file of JSON.parse(readFileSync(path, 'utf8')).testResults) addFile(file);
  if (status !== '0' && total.failed === before) fail(`${suite}: exit status ${status} though no test failed`);
}

function addFile({ name, status, message, assertionResults }) {
  const file = relative(root, name);
  const before = total.failed;
  for (const test of assertionResults) {
    if (test.status === 'passed') total.passed += 1;
    else if (test.status === 'failed') fail(`${file}: ${test.fullName}`);
    else skipped.set(file, [...(skipped.get(file) ?? []), test.fullName]);
  }
  if (status === 'failed' && total.failed === before) fail(`${file}: ${message.split('\n')[0]}`);
}

function fail(what) {
  total.failed += 1;
  failures.push(what);
}

for (const name of readdirSync(folder).sort()) {
  const [base, kind] = name.split('.');
  if (kind === 'check' && read(name) === 'pass') total.passed += 1;
  else if (kind === 'check') fail(`${base} (see above)`);
  else if (kind === 'status') addSuite(base, read(name));
}

// Why a test is skipped stands in its name or its describe's: "(needs crun)".
const SHOWN = 3;
for (const [file, names] of skipped) {
  console.log(`skipped in ${file}:`);
  for (const name of names.slice(0, SHOWN)) console.log(`  ${name}`);
  if (names.length > SHOWN) console.log(`  and ${names.length - SHOWN} more`);
}
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
