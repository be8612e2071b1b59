import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { writeDiagnosticReport } from './diagnostic-report.js';

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'wharf-report-'))));
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(directory, { recursive: true, force: true });
});

function written(jobs: string[]): Record<string, unknown> {
  const path = writeDiagnosticReport(directory, jobs);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
}

it('has all that Node tells but the environment', () => {
  const report = written([]);
  expect(Object.keys(report)).toEqual(
    expect.arrayContaining(['header', 'javascriptStack', 'nativeStack', 'libuv', 'activeResources']),
  );
  expect(report).not.toHaveProperty('environmentVariables');
});

it('has nothing of the environment in what idle threads tell, either', async () => {
  const worker = new Worker(
    'setInterval(() => undefined, 1000); require("node:worker_threads").parentPort.postMessage("")',
    {
      eval: true,
      env: { SECRET: 'of the environment' },
    },
  );
  await once(worker, 'message');
  try {
    const report = written([]);
    expect(report['workers']).toHaveLength(1);
    expect(JSON.stringify(report)).not.toMatch(/environmentVariables|of the environment/);
  } finally {
    await worker.terminate();
  }
});

it('asks no thread while one is at work', () => {
  const asked = vi.spyOn(process.report, 'getReport');
  const report = written(['remove-tree']);
  expect(asked).not.toHaveBeenCalled();
  expect(report).toMatchObject({ jobs: ['remove-tree'], header: { processId: process.pid } });
  expect(Object.keys(report)).toEqual(expect.arrayContaining(['javascriptStack', 'memoryUsage', 'activeResources']));
});
