import type { Socket } from 'node:net';
import type { AttachStreams } from '../../host/shim/attach.js';
import type { ShimAttachment } from '../../host/shim/attachment.js';
import type { ExitRecord, StartedProcess } from '../../host/shim/protocol.js';
import type { ShimOptions } from '../../host/shim/shim-args.js';

/** What the engine needs of a shim's control connection; `ShimClient` in host/shim is it, and says what each promises. */
export interface RunningShim {
  readonly state: 'created' | 'starting' | 'running' | 'exited';
  readonly pid: number;
  /** For one that was launched `ahead`: takes it for a start that is under way. */
  claim(): Promise<void>;
  /** For one with a gate: has the container created before the start. */
  feed(): Promise<void>;
  readonly exited: Promise<ExitRecord>;
  readonly deleted: Promise<void>;
  start(): Promise<StartedProcess>;
  kill(signal: number): Promise<void>;
  onOutOfMemory(tell: (ooms: number) => void): void;
  resize(height: number, width: number): Promise<void>;
  /** Tells it that the exit is in the container's state. */
  recorded(): Promise<void>;
  /** Lets the runtime forget the container that has ended; `deleted` tells when it has. */
  delete(): Promise<void>;
  quit(): Promise<void>;
  close(): void;
}

/** The shims of this daemon. */
export interface ShimPort {
  /** Starts a shim process; nothing runs before its `start`. */
  launch(options: Omit<ShimOptions, 'binary' | 'executable'>): Promise<RunningShim>;
  /** Finds a shim that was launched earlier, by this daemon or one before it. Rejects with a system error when nobody is there. */
  connect(socketPath: string): Promise<RunningShim>;
  /** Output as Docker's frames (raw with a terminal); what is written is stdin. Ends after the exit was announced. */
  attach(socketPath: string, streams: AttachStreams): Promise<Socket>;
  /** The same, but output waits until it is said where it goes; with `seam` it begins exactly where the log ends. */
  hold(socketPath: string, streams: AttachStreams & { seam: boolean }): Promise<ShimAttachment>;
  /** null: there is none. */
  readExitRecord(path: string): Promise<ExitRecord | null>;
  /** For an end that no shim has recorded; null: the status is lost. */
  writeExitRecord(path: string, exitCode: number | null): void;
}
