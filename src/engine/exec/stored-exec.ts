import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage, hasCode } from '../../shared/errors.js';
import type { ContainerEntry } from '../containers/container-entry.js';
import { EXEC_RECORD_SUFFIX, execFiles, runFiles } from '../containers/container-paths.js';
import type { ContainersContext } from '../containers/containers-context.js';
import { ExecRecord } from './exec-record.js';

/**
 * What a daemon that comes up again has to know of an exec lies beside the container's bundle, on the exec-root: what it is from
 * its creation, and its exit record from its end, until it is forgotten or the container stops.
 */
export function storeExec(ctx: ContainersContext, { id, entry, config, user }: ExecRecord): void {
  const { record } = execFiles(ctx.deps.paths, entry.id, id);
  writeFileSync(record, JSON.stringify({ id, config, user }), { mode: 0o600 });
}

/** The execs of a running container that an earlier daemon has stored. A file that was not written in full counts for nothing. */
export function storedExecs(ctx: ContainersContext, entry: ContainerEntry): ExecRecord[] {
  const { bundle } = runFiles(ctx.deps.paths, entry.id);
  return entriesOf(bundle)
    .filter((name) => name.endsWith(EXEC_RECORD_SUFFIX))
    .flatMap((name) => {
      try {
        const { id, config, user } = JSON.parse(readFileSync(join(bundle, name), 'utf8')) as ExecRecord;
        return [new ExecRecord(id, entry, config, user)];
      } catch (err) {
        ctx.deps.log.warn({ file: name, container: entry.id, reason: errorMessage(err) }, 'cannot read an exec');
        return [];
      }
    });
}

/** Removes what a daemon that comes up again would find. */
export function forgetStoredExec(ctx: ContainersContext, { id, entry }: ExecRecord): void {
  const { record, exit } = execFiles(ctx.deps.paths, entry.id, id);
  for (const path of [record, exit]) rmSync(path, { force: true });
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}
