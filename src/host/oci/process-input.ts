/** A process to run in a container, its first or an exec's, decided and checked. */
export interface ProcessInput {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ResolvedUser;
  readonly tty: boolean;
  /** [height, width]; null: not known. */
  readonly consoleSize: [number, number] | null;
  /** Of the process itself; a privileged container's execs are privileged as well. */
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** '' : none. */
  readonly appArmorProfile: string;
  readonly processLabel: string;
  readonly noNewPrivileges: boolean;
  readonly rlimits: readonly { name: string; soft: number; hard: number }[];
  /** null: leave it alone. */
  readonly oomScoreAdj: number | null;
}

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}
