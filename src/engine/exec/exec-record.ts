import type { ResolvedUser } from '../../host/oci/process-input.js';
import type { ContainerEntry } from '../containers/container-entry.js';
import type { RunningShim } from '../containers/shim-port.js';
import type { ExecConfig, ExecInstance } from './exec-service.js';

/** One exec, from its creation until it is forgotten (when its container stops, or some time after its own end). */
export class ExecRecord {
  /** A start was asked for; there is only one. */
  isClaimed = false;
  pid = 0;
  exitCode: number | null = null;
  endedAtMs = 0;
  private settleShim!: (shim: RunningShim | null) => void;
  /** The shim as soon as the process runs; null if it never will. */
  readonly started = new Promise<RunningShim | null>((resolve) => (this.settleShim = resolve));
  private shim: RunningShim | null = null;

  constructor(
    readonly id: string,
    readonly entry: ContainerEntry,
    readonly config: ExecConfig,
    readonly user: ResolvedUser & { home: string },
  ) {}

  get running(): boolean {
    return this.shim !== null && this.exitCode === null;
  }

  hasStarted(shim: RunningShim, pid: number): void {
    this.shim = shim;
    this.pid = pid;
    this.settleShim(shim);
  }

  hasEnded(exitCode: number, atMs: number = Date.now()): void {
    this.exitCode = exitCode;
    this.endedAtMs = atMs;
    this.settleShim(null);
  }

  /** What inspect shows. */
  describe(): ExecInstance {
    const [entrypoint = '', ...args] = this.config.cmd;
    return {
      id: this.id,
      containerId: this.entry.id,
      running: this.running,
      exitCode: this.exitCode,
      canRemove: false,
      pid: this.pid,
      config: this.config,
      entrypoint,
      args,
    };
  }
}
