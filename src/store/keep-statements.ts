import type BetterSqlite3 from 'better-sqlite3';

type Database = BetterSqlite3.Database;
type Statement = BetterSqlite3.Statement;

/** Never emptied: what is in here is not garbage. */
const kept: unknown[] = [];

/**
 * Makes every statement of a database live as long as the process, and `prepare` give the same one for the same text. It has to: built
 * against the headers of Node 24.19 or later, better-sqlite3 12 aborts the process when one of its objects is garbage-collected
 * (https://github.com/nodejs/node/issues/65446). Its version 13 does not, but needs Node 22. `pragma` keeps one more with each call,
 * because a pragma may take effect when it is prepared: for what is called often there is `exec`.
 */
export function keepStatements(sql: Database): Database {
  const prepare = sql.prepare.bind(sql) as (text: string) => Statement;
  const byText = new Map<string, Statement>();
  kept.push(sql, byText);
  const preparedOnce = (text: string): Statement => {
    const known = byText.get(text);
    if (known) return known;
    const statement = prepare(text);
    byText.set(text, statement);
    return statement;
  };
  const pragma = (text: string, { simple = false }: { simple?: boolean } = {}): unknown => {
    const statement = prepare(`PRAGMA ${text}`);
    kept.push(statement);
    if (!statement.reader) return void statement.run();
    return simple ? statement.pluck().get() : statement.all();
  };
  return Object.assign(sql, { prepare: preparedOnce as Database['prepare'], pragma });
}
