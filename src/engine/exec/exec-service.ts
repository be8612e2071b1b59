import type { AttachSession } from '../containers/container-service.js';

export interface ExecConfig {
  user: string;
  privileged: boolean;
  tty: boolean;
  consoleSize: [number, number] | null;
  attachStdin: boolean;
  attachStdout: boolean;
  attachStderr: boolean;
  /** '' : default `ctrl-p,ctrl-q`. */
  detachKeys: string;
  env: string[];
  workingDir: string;
  cmd: string[];
}

/** What `GET /exec/{id}/json` shows. */
export interface ExecInstance {
  id: string;
  containerId: string;
  running: boolean;
  /** null until it has ended. */
  exitCode: number | null;
  canRemove: boolean;
  /** In the host's pid namespace; 0 before the start. */
  pid: number;
  config: ExecConfig;
  entrypoint: string;
  args: string[];
}

/** Commands run inside containers. An unknown id is not-found `No such exec instance: x`. */
export interface ExecService {
  /** Errors: invalid `No exec command specified`; conflict when the container is not running or is paused. */
  create(containerRef: string, config: ExecConfig): Promise<string>;
  /**
   * Checks that it can be started (conflict when started before). A detached one is started here and has no session.
   * For an attached one the process starts inside `session.run`; a failing start writes its text into the stream.
   */
  start(
    id: string,
    options: { detach: boolean; tty: boolean; consoleSize: [number, number] | null },
  ): Promise<AttachSession | null>;
  resize(id: string, height: number, width: number): Promise<void>;
  inspect(id: string): ExecInstance;
}
