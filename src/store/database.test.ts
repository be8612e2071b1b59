import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../shared/logger.js';
import { openDatabase } from './database.js';
import { keepStatements } from './keep-statements.js';
import { MetaStore } from './meta.js';
import { NetworkStore } from './networks.js';
import { VolumeStore } from './volumes.js';
import { DatabaseTooNewError, loadMigrations, migrate } from './migrations.js';

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'wharf-db-'))));
afterEach(() => rmSync(folder, { recursive: true }));

/** Without migrations. Node 24 dies of raw ones; see keep-statements.ts. */
const open = (path: string) => keepStatements(new BetterSqlite3(path));

describe('openDatabase', () => {
  it('keeps what was written, with the pragmas that make it last', () => {
    const path = join(folder, 'sub', 'wharfd.db');
    const db = openDatabase(path, silentLogger);
    new MetaStore(db).set('a', 'b');
    expect(db.sql.pragma('journal_mode', { simple: true })).toBe('wal');
    expect(db.sql.pragma('synchronous', { simple: true })).toBe(1);
    expect(db.sql.pragma('foreign_keys', { simple: true })).toBe(1);
    db.close();
    db.close();
    const again = openDatabase(path, silentLogger);
    expect(new MetaStore(again).get('a')).toBe('b');
    expect(new MetaStore(again).get('c')).toBeNull();
    expect(again.sql.pragma('user_version', { simple: true })).toBe(loadMigrations().at(-1)?.version);
    again.close();
  });

  it('waits for the disk afterwards, where that is asked for', async () => {
    const db = openDatabase(join(folder, 'wharfd.db'), silentLogger);
    new MetaStore(db).set('a', 'b');
    await Promise.all([db.synced(), db.synced(), db.synced()]);
    db.close();
    const inMemory = openDatabase(':memory:', silentLogger);
    await inMemory.synced();
    inMemory.close();
  });

  it('reads again what it has kept in memory, once that was dropped', () => {
    const readBytes = (): number => Number(/^rchar: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);
    const db = openDatabase(join(folder, 'wharfd.db'), silentLogger);
    const meta = new MetaStore(db);
    meta.set('a', 'b');
    expect(meta.get('a')).toBe('b');
    db.dropCache();
    const before = readBytes();
    expect(meta.get('a')).toBe('b');
    // A page is 4 KiB; the reading of /proc counts too.
    expect(readBytes() - before).toBeGreaterThanOrEqual(4096);
    db.close();
  });

  it('refuses a database of a newer version and leaves it as it is', () => {
    const path = join(folder, 'wharfd.db');
    openDatabase(path, silentLogger).close();
    const raw = open(path);
    raw.pragma('user_version = 9999');
    raw.close();
    expect(() => openDatabase(path, silentLogger)).toThrow(DatabaseTooNewError);
    expect(() => openDatabase(path, silentLogger)).toThrow(/schema version 9999, written by a newer wharfd/);
    const after = open(path);
    expect(after.pragma('user_version', { simple: true })).toBe(9999);
    after.close();
  });

  it('undoes a transaction that throws, also a nested one', () => {
    const db = openDatabase(':memory:', silentLogger);
    const meta = new MetaStore(db);
    db.transaction(() => {
      meta.set('kept', '1');
      expect(() =>
        db.transaction(() => {
          meta.set('lost', '1');
          throw new Error('no');
        }),
      ).toThrow('no');
    });
    expect(meta.get('kept')).toBe('1');
    expect(meta.get('lost')).toBeNull();
    db.close();
  });
});

describe('what waits for the disk', () => {
  it('is a transaction, and not a statement by itself', () => {
    const db = openDatabase(join(folder, 'x.db'), silentLogger);
    const synchronous = (): unknown => db.sql.pragma('synchronous', { simple: true });
    const put = db.sql.prepare('INSERT INTO meta VALUES (?, ?)');
    const meta = new MetaStore(db);
    expect(synchronous()).toBe(1);
    put.run('a', '1');
    db.transaction(() => {
      expect(synchronous()).toBe(2);
      db.transaction(() => put.run('b', '1'));
      expect(synchronous()).toBe(2);
    });
    expect([meta.get('a'), meta.get('b'), synchronous()]).toEqual(['1', '1', 1]);
    expect(() =>
      db.transaction(() => {
        put.run('c', '1');
        throw new Error('no');
      }),
    ).toThrow('no');
    expect([meta.get('c'), synchronous()]).toEqual([null, 1]);
    db.close();
  });

  it('is every change of a repository that does not say otherwise', () => {
    const db = openDatabase(join(folder, 'x.db'), silentLogger);
    let waited = 0;
    const asked = db.transaction.bind(db);
    db.transaction = (fn) => (waited++, asked(fn));
    new MetaStore(db).set('a', 'b');
    const networks = new NetworkStore(db);
    const network = { id: 'n', name: 'n', driver: 'bridge' } as Parameters<NetworkStore['insertNetwork']>[0];
    networks.insertNetwork(network);
    networks.updateNetwork(network);
    const volumes = new VolumeStore(db);
    volumes.insert({ name: 'v', driver: 'local', createdAt: '', anonymous: false, labels: {}, options: {} });
    volumes.reference('v', 'c');
    expect(waited).toBe(5);
    volumes.setMounted('v', 'c', true);
    volumes.unreference('v', 'c');
    networks.deleteSandbox('c');
    expect(waited).toBe(5);
    volumes.delete('v');
    networks.deleteNetwork('n');
    expect(waited).toBe(7);
    db.close();
  });
});

describe('migrate', () => {
  const migration = (version: number, sql: string) => ({ version, name: `m${version}`, sql });

  it('applies a number that comes late, and none twice', () => {
    const sql = open(':memory:');
    migrate(sql, 'x', [migration(1, 'CREATE TABLE a (x)'), migration(3, 'CREATE TABLE c (x)')], silentLogger);
    const all = [1, 2, 3].map((n) => migration(n, n === 2 ? 'CREATE TABLE b (x)' : 'SELECT this fails'));
    migrate(sql, 'x', all, silentLogger);
    expect(sql.prepare('SELECT version FROM schema_migrations').pluck().all()).toEqual([1, 2, 3]);
    expect(sql.pragma('user_version', { simple: true })).toBe(3);
    sql.prepare('SELECT * FROM b').all();
    sql.close();
  });

  it('leaves nothing of a migration that fails', () => {
    const sql = open(':memory:');
    const bad = migration(1, 'CREATE TABLE a (x); CREATE TABLE a (x);');
    expect(() => migrate(sql, 'x', [bad], silentLogger)).toThrow(/migration 1 \(m1\) failed: table a already exists/);
    expect(sql.prepare("SELECT name FROM sqlite_master WHERE name = 'a'").all()).toEqual([]);
    expect(sql.pragma('user_version', { simple: true })).toBe(0);
    sql.close();
  });

  it('leaves nothing of those before one that fails', () => {
    const sql = open(':memory:');
    const both = [migration(1, 'CREATE TABLE a (x)'), migration(2, 'SELECT this fails')];
    expect(() => migrate(sql, 'x', both, silentLogger)).toThrow(/migration 2 \(m2\) failed/);
    migrate(sql, 'x', [migration(1, 'CREATE TABLE a (x)')], silentLogger);
    expect(sql.pragma('user_version', { simple: true })).toBe(1);
    sql.close();
  });
});

describe('the migration 0006', () => {
  it.each([
    [true, 1],
    [false, 0],
  ])('turns a killing for want of memory (%s) into a count', (oomKilled, ooms) => {
    const sql = open(':memory:');
    const migrations = loadMigrations();
    migrate(
      sql,
      'x',
      migrations.filter(({ version }) => version < 6),
      silentLogger,
    );
    const names = sql.prepare<[], string>("SELECT name FROM pragma_table_info('containers')").pluck().all();
    const state = JSON.stringify({ status: 'exited', oomKilled });
    sql
      .prepare(`INSERT INTO containers (${names.join()}) VALUES (${names.map((name) => `@${name}`).join()})`)
      .run({ ...Object.fromEntries(names.map((name) => [name, 0])), id: 'a', state });
    migrate(sql, 'x', migrations, silentLogger);
    const stored = sql.prepare<[], string>('SELECT state FROM containers').pluck().get();
    expect(JSON.parse(stored ?? '')).toEqual({ status: 'exited', ooms });
    sql.close();
  });
});
