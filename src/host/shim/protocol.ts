/** The shim's socket protocol; `shim/include/protocol.h` is the other side of this file and explains it. */

export const CONTROL_GREETING = 'control 1\n';

/** sockaddr_un has room for 108 bytes, the last of which is NUL. The shim appends `.tty` for the runtime's console socket. */
export const SOCKET_PATH_MAX_BYTES = 107;
export const CONSOLE_SOCKET_SUFFIX = '.tty';

export type ShimState = 'created' | 'starting' | 'running' | 'exited';

/** How a process ended. */
export interface ExitRecord {
  /** 128 + signal for a death by signal; null when the status was lost, which is never reported as 0. */
  readonly exitCode: number | null;
  /** The signal's number, or null without one. */
  readonly signal: number | null;
  /** How often memory ran out for the container; the kernel kills one of its processes each time. */
  readonly ooms: number;
  /** RFC 3339 with nanoseconds, UTC. */
  readonly finishedAt: string;
}

export interface StartedProcess {
  /** Of the first process, in the daemon's pid namespace. */
  readonly pid: number;
  /** RFC 3339 with nanoseconds, UTC. */
  readonly startedAt: string;
}

/** One line from the shim to a control client. */
export type ShimMessage =
  | { readonly kind: 'state'; readonly state: ShimState; readonly pid: number }
  | ({ readonly kind: 'started' } & StartedProcess)
  | { readonly kind: 'failed'; readonly runtimeExitCode: number; readonly message: string }
  | { readonly kind: 'oom'; readonly ooms: number }
  | { readonly kind: 'exit'; readonly record: ExitRecord }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'delete-failed'; readonly message: string }
  | { readonly kind: 'ok' }
  | { readonly kind: 'err'; readonly message: string };

const STATES: readonly string[] = ['created', 'starting', 'running', 'exited'] satisfies ShimState[];

const decodeBase64 = (text: string | undefined): string => Buffer.from(text ?? '', 'base64').toString('utf8');

/** The exit record of the numbers that the shim uses on its socket and in its file. */
export function exitRecordOf(code: number, signal: number, ooms: number, finishedAt: string): ExitRecord {
  return { exitCode: code < 0 ? null : code, signal: signal > 0 ? signal : null, ooms, finishedAt };
}

/** Parses one line without its newline; null for one that this version does not know. */
export function parseShimMessage(line: string): ShimMessage | null {
  const [word, a, b, c, d] = line.split(' ');
  switch (word) {
    case 'state':
      return STATES.includes(a ?? '') ? { kind: 'state', state: a as ShimState, pid: Number(b) } : null;
    case 'started':
      return { kind: 'started', pid: Number(a), startedAt: b ?? '' };
    case 'failed':
      return { kind: 'failed', runtimeExitCode: Number(a), message: decodeBase64(b) };
    case 'oom':
      return { kind: 'oom', ooms: Number(a) };
    case 'exit':
      return { kind: 'exit', record: exitRecordOf(Number(a), Number(b), Number(c), d ?? '') };
    case 'deleted':
      return { kind: 'deleted' };
    case 'delete-failed':
      return { kind: 'delete-failed', message: decodeBase64(a) };
    case 'ok':
      return { kind: 'ok' };
    case 'err':
      return { kind: 'err', message: line.slice('err '.length) };
    default:
      return null;
  }
}
