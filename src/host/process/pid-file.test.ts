import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claimPidFile } from './pid-file.js';
import { processState } from './process-state.js';

let dir: string;
let path: string;
const children: ChildProcess[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'pid-'));
  path = join(dir, 'run/daemon.pid');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

/** Starts a program and resolves with the first line that it prints. */
function started(command: string, ...args: string[]): Promise<{ pid: number; line: string }> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.stdout.once('data', (data: Buffer) => resolve({ pid: child.pid ?? 0, line: data.toString().trim() }));
  });
}

function left(pid: number): void {
  claimPidFile(path)[Symbol.dispose]();
  writeFileSync(path, `${pid}\n`);
}

it('holds the id of this process until it is disposed of', () => {
  {
    using _file = claimPidFile(path);
    expect(readFileSync(path, 'utf8')).toBe(String(process.pid));
  }
  expect(existsSync(path)).toBe(false);
});

it('is refused while another daemon runs', async () => {
  const { pid } = await started(process.execPath, '-e', 'console.log(1); setInterval(() => {}, 1000)');
  left(pid);
  expect(() => claimPidFile(path)).toThrow(
    `ensure wharfd is not running or delete ${path}: process with PID ${pid} is still running`,
  );
  expect(readFileSync(path, 'utf8')).toBe(`${pid}\n`);
});

it('is taken over from a process that is gone, was not waited for, or whose number some other program has now', async () => {
  const { pid, line } = await started('sh', '-c', 'sleep 0 & echo $!; exec sleep 1000');
  await expect.poll(() => processState(Number(line)), { timeout: 30_000 }).toBe('ending');
  for (const other of [2 ** 22 + 1, Number(line), pid]) {
    left(other);
    using _file = claimPidFile(path);
    expect(readFileSync(path, 'utf8')).toBe(String(process.pid));
  }
});
