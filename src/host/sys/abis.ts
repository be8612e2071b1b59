import { closeSync } from 'node:fs';
import { libcFunction, rawSyscall } from './libc.js';
import { sealedProgram } from './memfd.js';
import { runBriefly } from './spawn.js';

/** The ABIs of x86 that this kernel may have beside its own. Neither comes or goes while it runs. */
export interface KernelAbis {
  /** False only once it is certain, see `askForI386`. */
  readonly i386: boolean;
  readonly x32: boolean;
}

const PR_GET_SECCOMP = 21;
/** getpid(2), as programs of the x32 ABI call it. */
const X32_GETPID = 0x4000_0000 + 39;

let i386 = true;
let x32: boolean | undefined;

export function kernelAbis(): KernelAbis {
  return { i386, x32: (x32 ??= takesX32Calls()) };
}

/**
 * Finds out whether programs for i386 run here, and with them calls by `int 0x80`: where a kernel is built without IA32 emulation or has it
 * switched off, it knows no such executable. Takes a millisecond or two. Never rejects; where nothing can be told, they do.
 */
export async function askForI386(): Promise<void> {
  if (process.arch !== 'x64') return;
  try {
    const program = sealedProgram('i386', i386Program());
    try {
      await runBriefly(`/proc/self/fd/${program}`, []);
    } finally {
      closeSync(program);
    }
  } catch (error) {
    i386 = (error as { code?: string }).code !== 'ENOEXEC';
  }
}

/** False as well for a process that is itself under a filter, which might kill it for the call. */
function takesX32Calls(): boolean {
  return process.arch === 'x64' && !isFiltered() && rawSyscall(X32_GETPID, [])() === process.pid;
}

/** True too where a filter forbids the question. */
function isFiltered(): boolean {
  const prctl = libcFunction<(option: number, ...none: number[]) => number>('prctl', 'int', [
    'int',
    ...Array<string>(4).fill('ulong'),
  ]);
  return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) !== 0;
}

/**
 * An executable for i386 that ends with 0: an ELF header, one segment with all of the file, a stack that can't be executed (the kernel warns of
 * others), and exit(2). Source: elf(5).
 */
function i386Program(): Buffer {
  const code = Buffer.from([0x31, 0xdb, 0x8d, 0x43, 0x01, 0xcd, 0x80]); // xor ebx, ebx; lea eax, [ebx+1]; int 0x80
  const HEADER_BYTES = 52;
  const SEGMENT_BYTES = 32;
  const BASE = 0x0804_8000;
  const entry = HEADER_BYTES + 2 * SEGMENT_BYTES;
  const size = entry + code.length;
  const file = Buffer.alloc(size);
  const words = (offset: number, ...values: number[]): void => {
    values.forEach((value, index) => file.writeUInt32LE(value, offset + 4 * index));
  };
  const [ET_EXEC, EM_386, EV_CURRENT, PAGE] = [2, 3, 1, 4096];
  const [PT_LOAD, PT_GNU_STACK, READ_EXECUTE, READ_WRITE] = [1, 0x6474_e551, 5, 6];
  file.write('\x7fELF\x01\x01\x01', 'latin1');
  words(16, ET_EXEC | (EM_386 << 16), EV_CURRENT, BASE + entry, HEADER_BYTES);
  words(40, HEADER_BYTES | (SEGMENT_BYTES << 16), 2);
  words(HEADER_BYTES, PT_LOAD, 0, BASE, BASE, size, size, READ_EXECUTE, PAGE);
  words(HEADER_BYTES + SEGMENT_BYTES, PT_GNU_STACK, 0, 0, 0, 0, 0, READ_WRITE, 16);
  code.copy(file, entry);
  return file;
}
