// Prints the test files of a vitest report in which something failed, one a line.
import { readFileSync } from 'node:fs';

for (const { name, status, assertionResults } of JSON.parse(readFileSync(process.argv[2], 'utf8')).testResults) {
  if (status === 'failed' || assertionResults.some((test) => test.status === 'failed')) console.log(name);
}
