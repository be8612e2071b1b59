import { closeSync, openSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runBriefly } from './spawn.js';

// Before the first one, since what it is given is read once.
process.env['WHARF_SPAWN_TEST'] = 'x y';

describe('runBriefly', () => {
  it('tells the exit code and the complaint', async () => {
    expect(await runBriefly('/bin/true', [])).toEqual({ exitCode: 0, stderr: '' });
    expect(await runBriefly('/bin/sh', ['-c', 'echo "why $0 $1" >&2; exit 3', 'a b', ''])).toEqual({
      exitCode: 3,
      stderr: 'why a b \n',
    });
    expect(await runBriefly('/bin/sh', ['-c', 'kill -9 $$'])).toMatchObject({ exitCode: null });
  });

  it('hands on the environment, none of our files and no ignored signals', async () => {
    const fd = openSync('/dev/null', 'r');
    const script = `test -e /proc/self/fd/${fd} && echo leaked >&2; grep -E "Sig(Ign|Blk)" /proc/self/status | tr -d "\\n\\t" >&2; echo "$WHARF_SPAWN_TEST" >&2; exit 1`;
    expect((await runBriefly('/bin/sh', ['-c', script])).stderr).toBe(
      'SigBlk:0000000000000000SigIgn:0000000000000000x y\n',
    );
    closeSync(fd);
  });

  it('leaves no file open', async () => {
    const before = readdirSync('/proc/self/fd').length;
    for (let turn = 0; turn < 20; turn++) await runBriefly('/bin/true', []);
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('throws when there is no such program', async () => {
    await expect(runBriefly('/no/such/program', [])).rejects.toThrow(/ENOENT.*posix_spawn/);
  });
});
