import { renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hasCode, internal } from '../../shared/errors.js';
import { formatRfc3339Nano, nowNs } from '../../shared/rfc3339.js';
import type { ExitRecord } from './protocol.js';
import { exitRecordOf } from './protocol.js';

/**
 * Reads the file in which a shim has recorded the end of its process. Null if there is none: the process has not ended,
 * or its status is lost. Throws `internal` for a file that is not a whole record, which a shim never leaves.
 */
export async function readExitRecord(path: string): Promise<ExitRecord | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
  const record = parseExitRecord(text);
  if (!record) throw internal(`corrupt exit record ${path}: ${JSON.stringify(text.slice(0, 200))}`);
  return record;
}

/** Records the end of a process that no shim could record: one that could not be started (an exit code), or was lost (null). */
export function writeExitRecord(path: string, exitCode: number | null): void {
  const record = { exitCode: exitCode ?? -1, signal: 0, ooms: 0, finishedAt: formatRfc3339Nano(nowNs()) };
  const temporary = `${path}.new`;
  writeFileSync(temporary, JSON.stringify(record), { mode: 0o600 });
  renameSync(temporary, path);
}

/** Null unless the text is a whole record. */
export function parseExitRecord(text: string): ExitRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { exitCode, signal, ooms, finishedAt } = value as Record<string, unknown>;
  if (![exitCode, signal, ooms].every(Number.isInteger) || typeof finishedAt !== 'string') return null;
  return exitRecordOf(exitCode as number, signal as number, ooms as number, finishedAt);
}
