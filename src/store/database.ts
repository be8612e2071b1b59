import { mkdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import type { Logger } from '../shared/logger.js';
import { keepStatements } from './keep-statements.js';
import { LogSync } from './log-sync.js';
import { loadMigrations, migrate } from './migrations.js';

/** How long a statement waits for another connection (a `sqlite3` shell, a backup) before SQLITE_BUSY. */
const BUSY_TIMEOUT_MS = 5000;

const DURABLE = 'PRAGMA synchronous = FULL';
const QUICK = 'PRAGMA synchronous = NORMAL';

/**
 * The one truth about what should exist. A transaction that returned is on the disk: it survives a kill of the daemon
 * and a loss of power (see docs/decisions/0002-sqlite-synchronous-full.md). A statement that is run outside of one survives the kill, and not
 * always the loss of power: that is for facts that a loss of power makes void anyway, such as which process runs, and 25 times
 * quicker. All calls are synchronous.
 */
export class WharfDatabase {
  private readonly run: BetterSqlite3.Transaction<(fn: () => unknown) => unknown>;
  private readonly logSync: LogSync | null;

  constructor(readonly sql: BetterSqlite3.Database) {
    this.run = sql.transaction((fn: () => unknown) => fn());
    this.logSync = sql.memory ? null : new LogSync(`${realpathSync(sql.name)}-wal`);
    sql.exec(QUICK);
  }

  /**
   * Runs `fn` in one transaction: all of it is committed and on the disk when it returns, nothing when it throws. Nested calls become
   * savepoints. `fn` must not be asynchronous: the transaction would end at its first await.
   */
  transaction<T>(fn: () => T): T {
    if (this.sql.inTransaction) return this.run.immediate(fn) as T;
    // It is this one, which waits for the disk anyway, that pays for the two more statements.
    this.sql.exec(DURABLE);
    try {
      return this.run.immediate(fn) as T;
    } finally {
      this.sql.exec(QUICK);
    }
  }

  /**
   * Settles when all that was run outside of a transaction so far survives a loss of power too. The disk is waited for on a thread, once
   * for many. Rejects with the system's error.
   */
  async synced(): Promise<void> {
    await this.logSync?.done();
  }

  /** Frees the pages that are kept in memory, after a while all of the database; what is needed of them is read again. */
  dropCache(): void {
    this.sql.exec('PRAGMA shrink_memory');
  }

  /** Writes the log back into the main file and closes; idempotent. */
  close(): void {
    this.logSync?.close();
    if (this.sql.open) this.sql.close();
  }
}

/**
 * Opens the database to look at it: nothing is made or changed. Throws when there is none, or one of another version than
 * this wharfd's. The caller closes it.
 */
export function openDatabaseReadOnly(path: string): WharfDatabase {
  const sql = keepStatements(
    new BetterSqlite3(path, { timeout: BUSY_TIMEOUT_MS, readonly: true, fileMustExist: true }),
  );
  const found = sql.pragma('user_version', { simple: true }) as number;
  const known = loadMigrations().at(-1)?.version ?? 0;
  if (found === known) return new WharfDatabase(sql);
  sql.close();
  throw new Error(`the database ${path} has schema version ${found}, and this wharfd knows version ${known}`);
}

/** What SQLite itself finds wrong with the file: a sentence each. */
export function databaseFaults({ sql }: WharfDatabase): string[] {
  const integrity = (sql.pragma('integrity_check') as { integrity_check: string }[]).map((row) => row.integrity_check);
  const keys = sql.pragma('foreign_key_check') as { table: string; rowid: number; parent: string }[];
  return [
    ...integrity.filter((line) => line !== 'ok'),
    ...keys.map(({ table, rowid, parent }) => `row ${rowid} of ${table} refers to nothing in ${parent}`),
  ];
}

/**
 * Opens (or makes) the database and brings it up to date. `path` may be `:memory:`. Throws `DatabaseTooNewError` for a
 * file that a newer wharfd has written; the file is left as it is then. The caller closes it.
 */
export function openDatabase(path: string, logger: Logger): WharfDatabase {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o710 });
  const sql = keepStatements(new BetterSqlite3(path, { timeout: BUSY_TIMEOUT_MS }));
  try {
    sql.pragma('journal_mode = WAL');
    sql.pragma('synchronous = FULL');
    sql.pragma('foreign_keys = ON');
    migrate(sql, path, loadMigrations(), logger);
  } catch (error) {
    sql.close();
    throw error;
  }
  return new WharfDatabase(sql);
}
