import type { Static } from 'typebox';
import { Type } from './type.js';
import { parseDetachKeys } from '../../engine/containers/detach-keys.js';
import type { ExecConfig, ExecInstance } from '../../engine/exec/exec-service.js';
import { ConsoleSize, Flag, omitZero, Text, TextList } from './wire.js';

export const ExecCreateSchema = Type.Object(
  {
    User: Text,
    Privileged: Flag,
    Tty: Flag,
    ConsoleSize,
    AttachStdin: Flag,
    AttachStderr: Flag,
    AttachStdout: Flag,
    DetachKeys: Text,
    Env: TextList,
    WorkingDir: Text,
    Cmd: TextList,
  },
  { goType: 'ExecOptions' },
);

export const ExecStartSchema = Type.Object({ Detach: Flag, Tty: Flag, ConsoleSize }, { goType: 'ExecStartOptions' });

export function toExecConfig(wire: Static<typeof ExecCreateSchema>): ExecConfig {
  return {
    user: wire.User ?? '',
    privileged: wire.Privileged ?? false,
    tty: wire.Tty ?? false,
    consoleSize: toConsoleSize(wire.ConsoleSize),
    attachStdin: wire.AttachStdin ?? false,
    attachStdout: wire.AttachStdout ?? false,
    attachStderr: wire.AttachStderr ?? false,
    detachKeys: wire.DetachKeys ?? '',
    env: wire.Env ?? [],
    workingDir: wire.WorkingDir ?? '',
    cmd: wire.Cmd ?? [],
  };
}

/** [height, width], or null when not given. */
export function toConsoleSize(wire: number[] | undefined): [number, number] | null {
  return wire ? [wire[0] ?? 0, wire[1] ?? 0] : null;
}

/** `GET /exec/{id}/json`. */
export function fromExecInstance(exec: ExecInstance) {
  const { config } = exec;
  return {
    ID: exec.id,
    Running: exec.running,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      tty: config.tty,
      entrypoint: exec.entrypoint,
      arguments: exec.args,
      privileged: config.privileged,
      user: omitZero(config.user),
    },
    OpenStdin: config.attachStdin,
    OpenStderr: config.attachStderr,
    OpenStdout: config.attachStdout,
    CanRemove: exec.canRemove,
    ContainerID: exec.containerId,
    DetachKeys: config.detachKeys === '' ? '' : parseDetachKeys(config.detachKeys).toString('base64'),
    Pid: exec.pid,
  };
}
