import { describe, expect, it } from 'vitest';
import { RuntimeStartError } from '../../host/shim/runtime-start-error.js';
import { execFailure, startFailure } from './start-error.js';

const CREATE = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';
const ADVICE =
  ': Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';
const RUN = 'unable to start container process: ';

describe('startFailure', () => {
  it.each([
    ['exec: "nosuch": executable file not found in $PATH', 127, 'invalid'],
    ['exec: "/nosuch/x": stat /nosuch/x: no such file or directory', 127, 'invalid'],
    ['exec: "/etc/passwd": permission denied', 126, 'invalid'],
    ['exec: "/lib.so": exec format error', 126, 'invalid'],
    ['error mounting "/x" to rootfs at "/proc/x": no such file or directory', 127, 'invalid'],
    ['error setting rlimit type 7: operation not permitted', 128, 'internal'],
  ])('%s is %d', (text, exitCode, kind) => {
    const failure = startFailure(new RuntimeStartError(1, `runc run failed: ${RUN}${text}`));
    expect(failure.exitCode).toBe(exitCode);
    expect(failure.error.kind).toBe(kind);
    const stage = text.startsWith('exec: ') ? 'error during container init: ' : '';
    expect(failure.error.message).toBe(`${CREATE}runc create failed: ${RUN}${stage}${text}`);
  });

  it.each([
    ['exec: "/etc": is a directory', 126, ': permission denied'],
    ['exec: "/etc/passwd/x": stat /etc/passwd/x: not a directory', 127, ADVICE],
    ['error mounting "/a" to rootfs at "/etc": mount src=/a, dst=/etc: not a directory', 127, ADVICE],
  ])('adds to %s', (text, exitCode, advice) => {
    const failure = startFailure(
      new RuntimeStartError(1, `runc run failed: ${RUN}error during container init: ${text}`),
    );
    expect(failure).toMatchObject({ exitCode, error: { kind: 'invalid' } });
    expect(failure.error.message).toBe(
      `${CREATE}runc create failed: ${RUN}error during container init: ${text}${advice}`,
    );
  });

  it.each([
    [
      'executable file `nosuch` not found in $PATH: No such file or directory',
      127,
      'exec: "nosuch": executable file not found in $PATH',
    ],
    ['open executable: Permission denied', 126, 'permission denied'],
  ])("reads crun's %s", (text, exitCode, words) => {
    const failure = startFailure(new RuntimeStartError(1, text));
    expect(failure).toMatchObject({ exitCode, error: { kind: 'invalid' } });
    expect(failure.error.message).toContain(words);
  });
});

describe('execFailure', () => {
  it('words the failure as dockerd does', () => {
    const text = 'exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH';
    expect(execFailure(new RuntimeStartError(1, text))).toMatchObject({
      exitCode: 127,
      error: { kind: 'invalid', message: `OCI runtime exec failed: ${text}` },
    });
  });

  it.each([
    ['chdir to cwd ("/nowhere") set in config.json failed: no such file or directory', 127, ''],
    ['chdir to cwd ("/etc/passwd") set in config.json failed: not a directory', 127, ADVICE],
    ['exec: "/tmp": is a directory', 126, ': permission denied'],
  ])('goes by the words: %s', (words, exitCode, advice) => {
    const text = `exec failed: unable to start container process: ${words}`;
    expect(execFailure(new RuntimeStartError(1, text))).toMatchObject({
      exitCode,
      error: { kind: 'invalid', message: `OCI runtime exec failed: ${text}${advice}` },
    });
  });

  it('is 128 and ours for anything else', () => {
    const failure = execFailure(new RuntimeStartError(1, 'exec failed: Cwd must be an absolute path'));
    expect(failure).toMatchObject({
      exitCode: 128,
      error: { kind: 'internal', message: 'OCI runtime exec failed: exec failed: Cwd must be an absolute path' },
    });
  });
});
