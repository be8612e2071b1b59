import { RuntimeStartError } from '../../host/shim/runtime-start-error.js';
import { errorMessage, internal, invalid, WharfError } from '../../shared/errors.js';

const CREATE = 'failed to create task for container: failed to create shim task: OCI runtime create failed: ';

/** A failed start in dockerd's words, and the exit code that the container shows for it. */
export interface StartFailure {
  error: WharfError;
  exitCode: number;
}

const NOT_FOUND = /executable file not found|no such file or directory/;
const NOT_EXECUTABLE = /permission denied|is a directory|exec format error|not a directory/;

/**
 * What dockerd makes of a runtime that could not start the process: 127 and 126 are said of the command itself only, and are
 * the client's fault; all else is 128 and ours. Source: dockerd 28.5.
 */
export function startFailure(error: unknown): StartFailure {
  if (error instanceof WharfError) return { error, exitCode: 128 };
  if (!(error instanceof RuntimeStartError)) return { error: internal(errorMessage(error), error), exitCode: 128 };
  const text = runtimeText(error.message);
  const exitCode = commandExitCode(text);
  const make = exitCode === 128 ? internal : invalid;
  return { error: make(`${CREATE}${text}`, error), exitCode };
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

/** 127: the command is not there; 126: it can't be executed; 128: something else went wrong. */
export function commandExitCode(text: string): number {
  if (!text.includes('exec: "')) return 128;
  if (NOT_EXECUTABLE.test(text)) return 126;
  return NOT_FOUND.test(text) ? 127 : 128;
}

/** What dockerd adds where a directory and a file were mistaken for each other, be there a mount or not. */
const NOT_A_DIRECTORY =
  ': Are you trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists and is the expected type';

/**
 * The same for an exec, where dockerd goes by the words alone: a missing working directory is 127 as well.
 * Source: dockerd 28.5.
 */
export function execFailure(error: unknown): StartFailure {
  if (error instanceof WharfError) return { error, exitCode: 128 };
  const text = asRunc(errorMessage(error).trim()).replace(/^(?:runc )?exec failed: /, '');
  const exitCode = execExitCode(text);
  const make = exitCode === 128 ? internal : invalid;
  const advice = exitCode === 127 && text.includes('not a directory') ? NOT_A_DIRECTORY : '';
  return { error: make(`OCI runtime exec failed: exec failed: ${text}${advice}`, error), exitCode };
}

function execExitCode(text: string): number {
  if (text.includes('permission denied')) return 126;
  if (NOT_FOUND.test(text) || text.includes('not a directory')) return 127;
  return commandExitCode(text);
}
