import BetterSqlite3 from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { keepStatements } from './keep-statements.js';

describe('statements that are kept', () => {
  it('are prepared once for each text', () => {
    const sql = keepStatements(new BetterSqlite3(':memory:'));
    sql.exec('CREATE TABLE t (n INTEGER)');
    const insert = sql.prepare('INSERT INTO t VALUES (?)');
    expect(sql.prepare('INSERT INTO t VALUES (?)')).toBe(insert);
    insert.run(1);
    expect(sql.prepare('SELECT n FROM t').all()).toEqual([{ n: 1 }]);
    sql.close();
  });

  it('leave pragmas as they are: set, asked, and asked again after a change', () => {
    const sql = keepStatements(new BetterSqlite3(':memory:'));
    for (const value of [1, 2, 1]) {
      sql.exec(`PRAGMA synchronous = ${value}`);
      expect(sql.pragma('synchronous', { simple: true })).toBe(value);
    }
    sql.pragma('user_version = 7');
    expect(sql.pragma('user_version')).toEqual([{ user_version: 7 }]);
    expect(sql.pragma('integrity_check')).toEqual([{ integrity_check: 'ok' }]);
    sql.close();
  });
});
