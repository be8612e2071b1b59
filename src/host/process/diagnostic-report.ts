import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes what the process is doing (stacks, memory, open handles, limits) as JSON into `directory`, for root's eyes only and
 * without the environment, which may hold credentials. Returns the file's path. Takes some milliseconds.
 */
export function writeDiagnosticReport(directory: string): string {
  const reporter = process.report;
  // Looking up the names of peers may take for ever.
  Object.assign(reporter, { excludeNetwork: true });
  const { environmentVariables: _, ...report } = reporter.getReport() as Record<string, unknown>;
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const path = join(directory, `diagnostic-report-${time}.json`);
  const activeResources = process.getActiveResourcesInfo();
  writeFileSync(path, JSON.stringify({ ...report, activeResources }, null, 1), { mode: 0o600 });
  return path;
}
