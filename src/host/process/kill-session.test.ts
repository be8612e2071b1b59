import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { killSession, sessionMembers } from './kill-session.js';

const facts = (pid: number, parent: number, session: number, state = 'S') => ({ pid, state, parent, session });

describe('sessionMembers', () => {
  it('takes the session, and descendants that have left it, but neither the dead nor strangers', () => {
    const processes = [
      facts(1, 0, 1),
      facts(10, 1, 10),
      facts(11, 10, 10),
      facts(12, 1, 10), // its parent has ended
      facts(13, 11, 13), // a session of its own
      facts(14, 13, 13),
      facts(15, 10, 10, 'Z'),
      facts(20, 1, 20),
    ];
    expect(sessionMembers(10, processes)).toEqual([10, 11, 12, 13, 14]);
  });
});

describe('killSession', () => {
  it('kills a shell and what it started', async () => {
    const script = 'sleep 1000 & setsid sleep 1001 & (sleep 1002 &) ; echo ready; wait';
    const shell = spawn('sh', ['-c', script], { detached: true, stdio: ['ignore', 'pipe', 'ignore'] });
    const ended = new Promise((resolve) => shell.once('close', (_code, signal) => resolve(signal)));
    await new Promise((resolve) => shell.stdout.once('data', resolve));
    const all = () =>
      Promise.resolve(
        readdirSync('/proc')
          .map(Number)
          .filter((pid) => pid > 1),
      );
    await killSession(shell.pid!, all);
    // 'close' comes when nobody holds the pipe any more: all of them have ended.
    expect(await ended).toBe('SIGKILL');
  });
});
