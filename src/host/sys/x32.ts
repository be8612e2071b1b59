import { libcFunction, rawSyscall } from './libc.js';

const PR_GET_SECCOMP = 21;
/** getpid(2), as programs of the x32 ABI call it. */
const X32_GETPID = 0x4000_0000 + 39;

let answer: boolean | undefined;

/**
 * Whether this kernel takes system calls of the x32 ABI. It can't change while the kernel runs, and is asked once. False as well for a
 * process that is itself under a filter, which might kill it for the question.
 */
export function takesX32Calls(): boolean {
  return (answer ??= process.arch === 'x64' && !isFiltered() && rawSyscall(X32_GETPID, [])() === process.pid);
}

/** True too where a filter forbids the question. */
function isFiltered(): boolean {
  const prctl = libcFunction<(option: number, ...none: number[]) => number>('prctl', 'int', [
    'int',
    ...Array<string>(4).fill('ulong'),
  ]);
  return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) !== 0;
}
