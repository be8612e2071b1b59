// Adds up the results of all suites that scripts/test.sh left in a folder, and says what failed, what needed a second try and what was skipped.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const folder = process.argv[2];
const root = new URL('..', import.meta.url).pathname;
const total = { passed: 0, failed: 0 };
const failures = [];
const secondTries = [];
const skipped = new Map();

function read(name) {
  return readFileSync(join(folder, name), 'utf8').trim();
}

/** The report of a run by file; null when the run did not get as far as writing one. */
function report(name) {
  const path = join(folder, `${name}.json`);
  if (!existsSync(path)) return null;
  return new Map(JSON.parse(readFileSync(path, 'utf8')).testResults.map((file) => [file.name, file]));
}

/** The files that failed have run again, alone; that run is what counts. */
function addSuite(suite, status) {
  const first = report(suite);
  if (first === null) return fail(`${suite}: it did not run to its end (exit status ${status})`);
  const again = report(`${suite}-again`) ?? new Map();
  const before = total.failed;
  for (const [name, file] of first) {
    const second = again.get(name);
    addFile(second ?? file);
    if (second) for (const what of failuresOf(file)) if (!failuresOf(second).includes(what)) secondTries.push(what);
  }
  const last = existsSync(join(folder, `${suite}-again.status`)) ? read(`${suite}-again.status`) : status;
  if (last !== '0' && total.failed === before) fail(`${suite}: exit status ${last} though no test failed`);
}

/** What failed in a file: its tests, or what stands around them. */
function failuresOf({ name, status, message, assertionResults }) {
  const file = relative(root, name);
  const tests = assertionResults.filter((test) => test.status === 'failed').map((test) => `${file}: ${test.fullName}`);
  return status === 'failed' && tests.length === 0 ? [`${file}: ${message.split('\n')[0]}`] : tests;
}

function addFile(file) {
  for (const what of failuresOf(file)) fail(what);
  for (const { status, fullName } of file.assertionResults) {
    if (status === 'passed') total.passed += 1;
    else if (status !== 'failed') {
      const name = relative(root, file.name);
      skipped.set(name, [...(skipped.get(name) ?? []), fullName]);
    }
  }
}

function fail(what) {
  total.failed += 1;
  failures.push(what);
}

for (const name of readdirSync(folder).sort()) {
  const [base, kind] = name.split('.');
  if (kind === 'check' && read(name) === 'pass') total.passed += 1;
  else if (kind === 'check') fail(`${base} (see above)`);
  else if (kind === 'status' && !base.endsWith('-again')) addSuite(base, read(name));
}

// Why a test is skipped stands in its name or its describe's: "(needs crun)".
const SHOWN = 3;
for (const [file, names] of skipped) {
  console.log(`skipped in ${file}:`);
  for (const name of names.slice(0, SHOWN)) console.log(`  ${name}`);
  if (names.length > SHOWN) console.log(`  and ${names.length - SHOWN} more`);
}
for (const what of secondTries) console.log(`FAILED AT FIRST, passed when its file ran alone: ${what}`);
for (const failure of failures) console.log(`FAILED ${failure}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
