import type { Statement } from 'better-sqlite3';
import type { WharfDatabase } from './database.js';

/** Facts about the daemon itself that outlive a restart. */
export class MetaStore {
  private readonly read: Statement<[string], string>;
  private readonly write: Statement<[string, string]>;

  constructor(private readonly db: WharfDatabase) {
    this.read = db.sql.prepare<[string], string>('SELECT value FROM meta WHERE key = ?').pluck();
    this.write = db.sql.prepare(
      'INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    );
  }

  get(key: string): string | null {
    return this.read.get(key) ?? null;
  }

  set(key: string, value: string): void {
    this.db.transaction(() => this.write.run(key, value));
  }

  /** The value, made and kept the first time. */
  getOrCreate(key: string, make: () => string): string {
    const found = this.get(key);
    if (found !== null) return found;
    const value = make();
    this.set(key, value);
    return value;
  }
}
