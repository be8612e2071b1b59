import { constants } from 'node:os';
import { getSystemErrorMap, promisify } from 'node:util';
import koffi from 'koffi';

/** A file name as the kernel takes it: text, or bytes where the name may not be UTF-8 (names inside archives). */
export type SysPath = string | Buffer;

/** A libc or system call number type that came back over the FFI: numbers where they are safe, else bigint. */
export type SysResult = number | bigint;

/** An error of a system call, shaped like those of Node's fs: `code` is the errno's name, `errno` is negative. */
export interface SystemError extends Error {
  readonly code: string;
  readonly errno: number;
  readonly syscall: string;
  readonly path?: string;
}

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_SYMLINK_FOLLOW = 0x400;
export const AT_EMPTY_PATH = 0x1000;

// The process itself: Node is linked against the C library, whichever that is (glibc or musl), so no soname is guessed.
const library = koffi.load(null);

/**
 * Declares a C function of the C library. The result is typed by the caller, because the FFI can't be.
 * Pointer parameters: `const char *` takes text or a NUL-terminated Buffer, `void *` takes a Buffer or null.
 */
export function libcFunction<T extends (...args: never[]) => SysResult>(
  name: string,
  result: string,
  parameters: string[],
): T {
  return library.func(name, result, parameters) as unknown as T;
}

/**
 * Declares a function that is called on one of libuv's threads. errno of such a call is lost, so it is for functions that give their
 * error otherwise. What the parameters point to must be left alone until it settles.
 */
export function asyncLibcFunction<P extends unknown[], R extends SysResult>(
  name: string,
  result: string,
  parameters: string[],
): (...args: P) => Promise<R> {
  return promisify(library.func(name, result, parameters).async) as (...args: P) => Promise<R>;
}

/** As libcFunction, of a function that not every C library has: null then. */
export function optionalLibcFunction<T>(name: string, result: string, parameters: string[]): T | null {
  try {
    return library.func(name, result, parameters) as T;
  } catch {
    return null; // koffi's error is a plain one; there is nothing else that can go wrong
  }
}

/** `syscall(2)` with the parameter types given, for calls that older C libraries have no function for. */
export function rawSyscall(number: number, parameters: string[]): (...args: unknown[]) => number {
  const call = library.func('syscall', 'long', ['long', ...parameters]) as unknown as (...args: unknown[]) => number;
  return (...args) => call(number, ...args);
}

/** errno of the last call on this thread; read it before doing anything else. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Node makes a new map each time, in a tenth of a millisecond. */
let errorTexts: ReturnType<typeof getSystemErrorMap> | undefined;

/** The error for a positive errno, worded as Node words its own: `ENOENT: no such file or directory, mount '/x'`. */
export function systemError(errno: number, syscall: string, path?: SysPath, detail?: string): SystemError {
  errorTexts ??= getSystemErrorMap();
  const [code, text] = errorTexts.get(-errno) ?? errnoName(errno);
  const name = path === undefined ? undefined : path.toString().replace(/\0$/, '');
  const message = `${code}: ${text}, ${syscall}${name === undefined ? '' : ` '${name}'`}${detail ? `: ${detail}` : ''}`;
  return Object.assign(new Error(message), {
    code,
    errno: -errno,
    syscall,
    ...(name === undefined ? {} : { path: name }),
  });
}

function errnoName(errno: number): [string, string] {
  const found = Object.entries(constants.errno).find(([, value]) => value === errno);
  return found ? [found[0], 'system error'] : [`E${errno}`, 'unknown system error'];
}

/** Passes a result through, or throws the error of the call when it is negative. */
export function check<T extends SysResult>(result: T, syscall: string, path?: SysPath, detail?: string): T {
  if (result < 0) throw systemError(lastErrno(), syscall, path, detail);
  return result;
}

/**
 * The path as the FFI takes it. A NUL inside would silently cut the name short, so it is refused with EINVAL
 * as Node's fs refuses it.
 */
export function cPath(path: SysPath, syscall: string): SysPath {
  if (typeof path === 'string' ? path.includes('\0') : path.includes(0)) {
    throw systemError(constants.errno.EINVAL, syscall, path.toString().replaceAll('\0', '\\0'));
  }
  return typeof path === 'string' ? path : Buffer.concat([path, Buffer.alloc(1)]);
}
