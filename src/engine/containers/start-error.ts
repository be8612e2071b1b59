import { RuntimeStartError } from '../../host/shim/runtime-start-error.js';
import { errorMessage, internal, invalid, WharfError } from '../../shared/errors.js';

const CREATE = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';

/** A failed start in dockerd's words, and the exit code that the container shows for it. */
export interface StartFailure {
  error: WharfError;
  exitCode: number;
}

const NOT_FOUND = /executable file not found|no such file or directory/;

/**
 * What dockerd makes of a runtime that could not start the process. It goes by the words alone, so that a mount's missing source
 * counts as a missing command: 127 and 126 are the client's fault; all else is 128 and ours. Source: dockerd 28.5, tried.
 */
export function startFailure(error: unknown): StartFailure {
  if (error instanceof WharfError) return { error, exitCode: 128 };
  if (!(error instanceof RuntimeStartError)) return { error: internal(errorMessage(error), error), exitCode: 128 };
  return failureOf(CREATE, runtimeText(error.message), error);
}

/**
 * The runtime's words as dockerd passes them on. The shim does in one `run` what containerd does with `create`, so the verb is
 * put right; runc says since 1.2 where in the start it failed, and clients have learnt that text.
 */
function runtimeText(message: string): string {
  const text = asRunc(message.trim()).replace(/^runc run failed: /, 'runc create failed: ');
  const bare =
    /^(runc create failed: unable to start container process: )(?!error during container init: )(exec: .*)$/s;
  return text.replace(bare, '$1error during container init: $2');
}

/** What crun says of a command that can't be run, as runc says it: the docker CLI picks its exit code by runc's words. */
function asRunc(text: string): string {
  const missing = /^executable file `(.*)` not found/s.exec(text);
  if (missing) return `exec: "${missing[1]}": executable file not found in $PATH`;
  const denied =
    /^(?:open executable|exec container process)(.*): (Permission denied|Is a directory|Exec format error|No such file or directory)$/s.exec(
      text,
    );
  return denied ? `exec: "${denied[1]?.trim() ?? ''}": ${denied[2]?.toLowerCase()}` : text;
}

/** What dockerd adds where a directory and a file were mistaken for each other, be there a mount or not. */
const NOT_A_DIRECTORY =
  ': Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';

/** The same for an exec, with its own beginning. */
export function execFailure(error: unknown): StartFailure {
  if (error instanceof WharfError) return { error, exitCode: 128 };
  const text = asRunc(errorMessage(error).trim()).replace(/^(?:runc )?exec failed: /, '');
  return failureOf('OCI runtime exec failed: exec failed: ', text, error);
}

/** 127: something is not there; 126: it can't be executed; 128: something else went wrong. */
function failureOf(prefix: string, text: string, cause: unknown): StartFailure {
  const words = text.toLowerCase();
  const failure = (exitCode: number, advice = ''): StartFailure => {
    const make = exitCode === 128 ? internal : invalid;
    return { error: make(`${prefix}${text}${advice}`, cause), exitCode };
  };
  if (NOT_FOUND.test(words)) return failure(127);
  if (words.includes('not a directory')) return failure(127, NOT_A_DIRECTORY);
  if (words.includes('permission denied')) return failure(126);
  if (words.includes('is a directory')) return failure(126, ': permission denied');
  return failure(words.includes('exec: "') && words.includes('exec format error') ? 126 : 128);
}
