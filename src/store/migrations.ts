import { readdirSync, readFileSync } from 'node:fs';
import type { Database } from 'better-sqlite3';
import type { Logger } from '../shared/logger.js';

export interface Migration {
  /** The number in the file's name, from 1. */
  version: number;
  name: string;
  sql: string;
}

/** The database was written by a newer wharfd; going on could destroy what this version knows nothing about. */
export class DatabaseTooNewError extends Error {
  override readonly name = 'DatabaseTooNewError';

  constructor(path: string, found: number, known: number) {
    super(
      `the database ${path} has schema version ${found}, written by a newer wharfd; this wharfd knows versions up to ` +
        `${known}: install the newer wharfd again, or start with an empty --data-root`,
    );
  }
}

/** Every `NNNN-name.sql` of a folder, in order of number. Throws when a number is used twice. */
export function loadMigrations(folder: URL = new URL('./migrations/', import.meta.url)): Migration[] {
  const migrations = readdirSync(folder)
    .map((file) => ({ file, match: /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file) }))
    .filter(({ match }) => match !== null)
    .map(({ file, match }) => ({
      version: Number(match?.[1]),
      name: match?.[2] ?? '',
      sql: readFileSync(new URL(file, folder), 'utf8'),
    }))
    .sort((a, b) => a.version - b.version);
  const twice = migrations.find((migration, i) => migrations[i + 1]?.version === migration.version);
  if (twice) throw new Error(`two migrations have the number ${twice.version}`);
  return migrations;
}

/**
 * Applies the migrations that the database has not seen, all or none: a transaction each would wait for the disk once each. They are
 * remembered one by one, so that branches of development may add numbers in any order; `user_version` is the highest one.
 */
export function migrate(sql: Database, path: string, migrations: readonly Migration[], logger: Logger): void {
  const known = migrations.at(-1)?.version ?? 0;
  const found = sql.pragma('user_version', { simple: true }) as number;
  if (found > known) throw new DatabaseTooNewError(path, found, known);
  sql.exec(
    `CREATE TABLE IF NOT EXISTS schema_migrations (
       version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
     ) STRICT`,
  );
  const applied = new Set(sql.prepare<[], number>('SELECT version FROM schema_migrations').pluck().all());
  const missing = migrations.filter(({ version }) => !applied.has(version));
  if (missing.length === 0) return;
  sql
    .transaction(() => {
      for (const migration of missing) apply(sql, migration);
    })
    .exclusive();
  for (const { version, name } of missing) logger.info({ version, name }, 'database migration applied');
}

function apply(sql: Database, { version, name, sql: text }: Migration): void {
  try {
    sql.exec(text);
  } catch (cause) {
    throw new Error(`database migration ${version} (${name}) failed: ${(cause as Error).message}`, { cause });
  }
  sql.prepare('INSERT INTO schema_migrations (version, name) VALUES (?, ?)').run(version, name);
  const current = sql.pragma('user_version', { simple: true }) as number;
  sql.pragma(`user_version = ${Math.max(current, version)}`);
}
