import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes what the process is doing (stacks, memory, open handles, limits) as JSON into `directory`, for root's eyes only and
 * without the environment, which may hold credentials. Returns the file's path. Node's report asks each thread as well, and waits for one
 * that is in the kernel, perhaps for ever: while threads are at work on `jobs`, there is this thread's part only. Takes some milliseconds.
 */
export function writeDiagnosticReport(directory: string, jobs: readonly string[]): string {
  const report = jobs.length === 0 ? wholeReport() : ownReport();
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const path = join(directory, `diagnostic-report-${time}.json`);
  const activeResources = process.getActiveResourcesInfo();
  writeFileSync(path, JSON.stringify({ ...report, activeResources, jobs }, withoutEnvironment, 1), { mode: 0o600 });
  return path;
}

function wholeReport(): object {
  const reporter = process.report;
  // Looking up the names of peers may take for ever.
  Object.assign(reporter, { excludeNetwork: true });
  return reporter.getReport();
}

/** Each thread that waits for work has a report of its own within. */
function withoutEnvironment(key: string, value: unknown): unknown {
  return key === 'environmentVariables' ? undefined : value;
}

function ownReport(): object {
  const { stack } = new Error('the stack of the signal');
  return {
    header: { processId: process.pid, nodejsVersion: process.version, cwd: process.cwd(), uptimeSec: process.uptime() },
    javascriptStack: { stack: stack?.split('\n') },
    memoryUsage: process.memoryUsage(),
    resourceUsage: process.resourceUsage(),
  };
}
