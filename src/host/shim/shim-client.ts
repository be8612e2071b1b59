import { createConnection } from 'node:net';
import type { Socket } from 'node:net';
import { conflict, internal, unavailable } from '../../shared/errors.js';
import type { ExitRecord, ShimMessage, ShimState, StartedProcess } from './protocol.js';
import { CONTROL_GREETING, parseShimMessage } from './protocol.js';
import { RuntimeStartError } from './runtime-start-error.js';
import { assertSocketPath } from './socket-path.js';

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function deferred<T>(): Deferred<T> {
  let resolve!: (value: T) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<T>((onValue, onError) => {
    resolve = onValue;
    reject = onError;
  });
  // a rejection that nobody has asked about yet is no programming error
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

/**
 * A control connection to one shim. Any number of clients may be connected to a shim at a time; all of them hear of the
 * end. Closing it never affects the process.
 */
export class ShimClient {
  private readonly exit = deferred<ExitRecord>();
  private readonly deletion = deferred<void>();
  private readonly greeting = deferred<void>();
  private start_: Deferred<StartedProcess> | null = null;
  private readonly replies: Deferred<void>[] = [];
  private partialLine = '';
  private state_: ShimState = 'created';
  private pid_ = 0;
  private lost: Error | null = null;
  private ooms = 0;
  private tellOom: ((ooms: number) => void) | null = null;

  private constructor(private readonly socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.receive(chunk));
    socket.on('error', (error) => this.lose(() => unavailable(`lost the shim: ${error.message}`, error)));
    socket.on('close', () => this.lose(() => unavailable('lost the shim: its connection has ended')));
  }

  /**
   * Connects to a shim and learns its state; `exited` and `deleted` are settled soon if that has happened before.
   * Rejects with the system error (`ENOENT`, `ECONNREFUSED`) when no shim is there: then the exit file tells, or nothing.
   */
  static async connect(socketPath: string): Promise<ShimClient> {
    assertSocketPath(socketPath);
    const socket = createConnection({ path: socketPath });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    socket.removeAllListeners('error');
    const client = new ShimClient(socket);
    socket.write(CONTROL_GREETING);
    await client.greeting.promise;
    return client;
  }

  /** What the shim has said last. */
  get state(): ShimState {
    return this.state_;
  }

  /** Of the first process; 0 before it is started. */
  get pid(): number {
    return this.pid_;
  }

  /**
   * The end of the process, when its output is in the log and its record on disk. Rejects with `unavailable` when the
   * connection is lost before; read the exit file then.
   */
  get exited(): Promise<ExitRecord> {
    return this.exit.promise;
  }

  /**
   * The runtime has forgotten the container (at once for an exec). Comes after `exited`. Rejects with `internal` and the
   * runtime's words when it could not, `unavailable` when the connection is lost before.
   */
  get deleted(): Promise<void> {
    return this.deletion.promise;
  }

  /**
   * Tells a shim that runs ahead that its process is about to be started, before clients are attached. Rejects with `conflict` when it
   * can't, `unavailable` when it has gone since: launch another one then.
   */
  claim(): Promise<void> {
    return this.request('claim');
  }

  /**
   * Passes the specification, which is in its place, on before the start, for a shim with a gate: the container is created, and waits. From
   * then on the shim that is told to quit, or whose clients have left, has the runtime delete it first, and closes its connections then.
   * Rejects with `conflict` when it can't, `unavailable` when it has gone since.
   */
  feed(): Promise<void> {
    return this.request('feed');
  }

  /**
   * Starts the process; asked again, tells the same. Rejects with RuntimeStartError, after which the shim is gone, or
   * `unavailable` when the connection is lost (the process may run).
   */
  start(): Promise<StartedProcess> {
    if (!this.start_) {
      this.start_ = deferred();
      if (this.lost) this.start_.reject(this.lost);
      else this.socket.write('start\n');
    }
    return this.start_.promise;
  }

  /**
   * Calls back each time that memory runs out for the container, with how often it has in this run; at once if that has happened
   * before, to whomever it was told.
   */
  onOutOfMemory(tell: (ooms: number) => void): void {
    this.tellOom = tell;
    if (this.ooms > 0) tell(this.ooms);
  }

  /** Signals the first process; never another one that got its pid. Rejects with `conflict` when it has ended. */
  kill(signal: number): Promise<void> {
    if (this.state_ === 'exited') return Promise.reject(conflict('no such process'));
    return this.request(`kill ${signal}`);
  }

  /** Sets the terminal's size; before the start, that which it will have. Rejects with `conflict` without a terminal. */
  resize(height: number, width: number): Promise<void> {
    return this.request(`resize ${height} ${width}`);
  }

  /** End of file on the process's stdin, after what clients have sent already. Does nothing for a terminal. */
  closeStdin(): Promise<void> {
    return this.request('close-stdin');
  }

  /** Lets clients that were handed over see the end: the exit is in the daemon's state. */
  recorded(): Promise<void> {
    return this.request('recorded');
  }

  /**
   * Lets the runtime forget a container that has ended; `deleted` tells when it has. Without it the shim waits a tenth of a second, so
   * that those who are told of the end have the processor first. Rejects with `conflict` before the end.
   */
  delete(): Promise<void> {
    return this.request('delete');
  }

  /** Ends a shim that has not been started; rejects with `conflict` for another. */
  quit(): Promise<void> {
    return this.request('quit');
  }

  /** Closes the connection. What has not been settled rejects with `unavailable`. */
  close(): void {
    this.socket.destroy();
    this.lose(() => unavailable('the connection to the shim was closed'));
  }

  private request(line: string): Promise<void> {
    const reply = deferred<void>();
    if (this.lost) reply.reject(this.lost);
    else {
      this.replies.push(reply);
      this.socket.write(`${line}\n`);
    }
    return reply.promise;
  }

  private receive(chunk: string): void {
    const lines = (this.partialLine + chunk).split('\n');
    this.partialLine = lines.pop() ?? '';
    for (const line of lines) {
      const message = parseShimMessage(line);
      if (message) this.handle(message);
    }
  }

  private handle(message: ShimMessage): void {
    switch (message.kind) {
      case 'state':
        this.state_ = message.state;
        this.pid_ = message.pid;
        return this.greeting.resolve();
      case 'started':
        this.state_ = 'running';
        this.pid_ = message.pid;
        this.start_ ??= deferred();
        return this.start_.resolve({ pid: message.pid, startedAt: message.startedAt });
      case 'failed':
        this.start_ ??= deferred();
        return this.start_.reject(new RuntimeStartError(message.runtimeExitCode, message.message));
      case 'oom':
        this.ooms = message.ooms;
        this.tellOom?.(message.ooms);
        return;
      case 'exit':
        this.state_ = 'exited';
        return this.exit.resolve(message.record);
      case 'deleted':
        return this.deletion.resolve();
      case 'delete-failed':
        return this.deletion.reject(internal(message.message));
      case 'ok':
        return this.replies.shift()?.resolve();
      case 'err':
        return this.replies.shift()?.reject(conflict(message.message));
    }
  }

  /** The first time only; an error with its stack is not made for nothing. */
  private lose(why: () => Error): void {
    if (this.lost) return;
    const error = why();
    this.lost = error;
    const waiting = [this.exit, this.deletion, this.greeting, ...this.replies.splice(0)];
    for (const promise of waiting) promise.reject(error);
    this.start_?.reject(error);
  }
}
