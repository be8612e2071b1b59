import type * as fs from 'node:fs';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { LogSync } from './log-sync.js';

const calls = vi.hoisted(() => ({ pending: [] as ((error: Error | null) => void)[] }));
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof fs>()),
  fdatasync: (_fd: number, done: (error: Error | null) => void) => void calls.pending.push(done),
}));

let directory: string;
let log: LogSync;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'wharf-log-'));
  writeFileSync(join(directory, 'log'), '');
  log = new LogSync(join(directory, 'log'));
});
afterEach(() => {
  log.close();
  log.close();
  rmSync(directory, { recursive: true });
});

const turns = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const finish = (error: Error | null = null): void => calls.pending.shift()!(error);

it('serves those who come meanwhile together, and not with what was under way', async () => {
  const done: string[] = [];
  const wait = (name: string): void => void log.done().then(() => done.push(name));
  wait('first');
  await turns();
  wait('second');
  wait('third');
  await turns();
  expect(calls.pending).toHaveLength(1);
  finish();
  await turns();
  expect(done).toEqual(['first']);
  wait('fourth');
  await turns();
  expect(calls.pending).toHaveLength(1);
  finish();
  await turns();
  expect(done).toEqual(['first', 'second', 'third']);
  finish();
  await turns();
  expect(done).toHaveLength(4);
  expect(calls.pending).toEqual([]);
});

it('tells a fault to those whom it concerns', async () => {
  const first = log.done();
  await turns();
  const second = log.done();
  const third = log.done();
  finish(new Error('no disk'));
  await expect(first).rejects.toThrow('no disk');
  await turns();
  finish();
  await Promise.all([second, third]);
});
