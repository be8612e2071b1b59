import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runOk } from '../support/command.js';
import { daemonSuite } from '../support/daemon-suite.js';

/** A program that makes the calls it is told to, of any ABI. */
const dir = mkdtempSync(join(tmpdir(), 'seccomp-abis-'));
const program = join(dir, 'abi-calls');
const profile = join(dir, 'profile.json');
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const suite = daemonSuite();
const ok = (...args: string[]) => suite.daemon.ok(...args);

/** getpid, which everyone may call; mount and unshare, which take CAP_SYS_ADMIN. */
const X64 = ['x64:39', 'x64:165', 'x64:272'];
const I386 = ['i386:20', 'i386:21', 'i386:310'];
const X32 = ['x32:39', 'x32:165', 'x32:272'];
const FORBIDDEN = '-1';
const NOT_THERE = '-38';
const KILLED = 'signal 31';

/** What the kernel says without a filter: to getpid of each ABI. */
const unfiltered: Record<string, string> = {};

/** The answers to the calls, which are the same for a container's first process and for an exec. */
async function answers(options: string[], calls: string[]): Promise<string[]> {
  const first = await ok('run', '--rm', ...options, 'abis', '/abi-calls', ...calls);
  await ok('run', '-d', '--name', 'abis', ...options, 'abis', 'sleep', '1000');
  expect(await ok('exec', 'abis', '/abi-calls', ...calls)).toBe(first);
  return first.split('\n');
}

describe.skipIf(process.arch !== 'x64')('the default profile', () => {
  beforeAll(async () => {
    await runOk('cc', ['-O1', '-static', '-o', program, 'test/fixtures/programs/abi-calls.c']);
    for (const call of ['x64:39', 'i386:20', 'x32:39']) {
      unfiltered[call.replace(/:.*/, '')] = (await runOk(program, [call])).trim();
    }
    const architectures = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'];
    const syscalls = [{ names: ['mount', 'unshare'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }];
    writeFileSync(profile, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', architectures, syscalls }));
    await ok('create', '--name', 'abis', 'busybox');
    await ok('cp', program, 'abis:/abi-calls');
    await ok('commit', 'abis', 'abis');
    await ok('rm', 'abis');
  });
  afterEach(async () => void (await suite.daemon.docker(['rm', '-f', 'abis'])));

  it.each(['runc', 'crun'])('holds for 64-bit and for 32-bit calls, with %s', async (runtime) => {
    const known = JSON.parse(await ok('info', '--format', '{{json .Runtimes}}')) as Record<string, unknown>;
    if (!known[runtime]) return;
    const i386 = unfiltered['i386'] === 'ok' ? ['ok', FORBIDDEN, FORBIDDEN] : I386.map(() => unfiltered['i386']);
    expect(await answers(['--runtime', runtime], [...X64, ...I386])).toEqual(['ok', FORBIDDEN, FORBIDDEN, ...i386]);
    // runc answers so for what is beyond its knowledge, if it is told an architecture
    if (runtime === 'runc') expect(await ok('run', '--rm', 'abis', '/abi-calls', 'x64:9999')).toBe(NOT_THERE);
  });

  it('lets x32 calls be made where the kernel takes them', async () => {
    const taken = ['ok', FORBIDDEN, FORBIDDEN];
    // dockerd compiles the ABI into every container's filter
    const elsewhere = suite.daemon.reference ? [NOT_THERE, FORBIDDEN, FORBIDDEN] : X32.map(() => KILLED);
    expect(await answers([], X32)).toEqual(unfiltered['x32'] === 'ok' ? taken : elsewhere);
  });

  it('changes nothing in a profile that was given', async () => {
    const options = ['--security-opt', `seccomp=${profile}`];
    expect(await answers(options, [...X64, ...X32])).toEqual([
      ...['ok', FORBIDDEN, FORBIDDEN],
      ...[unfiltered['x32'], FORBIDDEN, FORBIDDEN],
    ]);
  });
});
