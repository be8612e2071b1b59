import type { Duplex, Readable } from 'node:stream';
import type { Image } from '../images/image.js';
import type { ContainerConfig, CreateContainerRequest, Resources, RestartPolicy } from './container-config.js';
import type {
  Container,
  ContainerSize,
  ContainerSummary,
  Filters,
  ListContainersOptions,
  WaitCondition,
  WaitResult,
} from './container.js';

/**
 * Everything a client can do to containers. `ref` is a full id, a name (with or without leading slash) or a unique id
 * prefix; an unknown one is not-found `No such container: x`, an ambiguous one invalid. Methods without a signal run to
 * their end whatever the client does.
 */
export interface ContainerService {
  create(request: CreateContainerRequest): Promise<{ id: string; warnings: string[] }>;
  /** Throws not-modified when it runs already. */
  start(ref: string): Promise<void>;
  /** `timeoutSec` null: the container's own; -1: for ever. Throws not-modified when it is stopped. */
  stop(ref: string, options: { timeoutSec: number | null; signal: string }): Promise<void>;
  restart(ref: string, options: { timeoutSec: number | null; signal: string }): Promise<void>;
  /** `signal` by name (with or without SIG) or number; '' is KILL. */
  kill(ref: string, signal: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, newName: string): Promise<void>;
  update(ref: string, changes: UpdateContainerRequest): Promise<{ warnings: string[] }>;
  remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  /** Resolves as soon as the wait is registered; `done` settles with the exit. Knows auto-remove containers a little longer than they are there. */
  wait(ref: string, condition: WaitCondition, signal: AbortSignal): Promise<{ done: Promise<WaitResult> }>;
  resize(ref: string, height: number, width: number): Promise<void>;

  /** Of what is in memory; the sizes are null. */
  list(options: ListContainersOptions): ContainerSummary[];
  /** The same with sizes, which are looked up on disk. Never waits for a lock. */
  listWithSizes(options: ListContainersOptions): Promise<ContainerSummary[]>;
  /** Never waits for a lock. What it gives is never changed: a container that has changed is another object. */
  inspect(ref: string): Container;
  size(ref: string): Promise<ContainerSize>;
  top(ref: string, psArgs: string): Promise<{ titles: string[]; processes: string[][] }>;
  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimedBytes: number }>;

  /**
   * Checks the request (throws before anything is sent to the client), then returns a session that the API connects to
   * the hijacked socket. Works on a container that was not started yet: output begins when it starts.
   */
  attach(ref: string, options: AttachOptions): Promise<AttachSession>;
  /** Bytes ready for the wire: mux frames, or raw when the container has a tty. */
  logs(ref: string, options: LogsOptions, signal: AbortSignal): Promise<LogStream>;

  /** Samples as plain objects in the wire's own snake_case, which no client version changes. */
  stats(ref: string, options: { stream: boolean; oneShot: boolean }, signal: AbortSignal): AsyncIterable<object>;
  /**
   * Makes an image of what the container changed, with its configuration and `changes` (Dockerfile instructions) applied. A running container is paused meanwhile unless `pause` is false.
   * Throws conflict when it is dead or being removed, invalid for a bad name or change.
   */
  commit(request: CommitContainerRequest): Promise<Image>;
  changes(ref: string): Promise<{ path: string; kind: 0 | 1 | 2 }[]>;
  export(ref: string, signal: AbortSignal): Promise<Readable>;
  statPath(ref: string, path: string): Promise<PathStat>;
  getArchive(ref: string, path: string, signal: AbortSignal): Promise<{ stat: PathStat; tar: Readable }>;
  putArchive(
    ref: string,
    path: string,
    tar: Readable,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
    signal: AbortSignal,
  ): Promise<void>;
}

export interface CommitContainerRequest {
  container: string;
  /** '' : the image gets no name. */
  repo: string;
  tag: string;
  comment: string;
  author: string;
  pause: boolean;
  changes: string[];
  /** Takes the place of the container's configuration, which fills in what it leaves out; null: the container's own. */
  config: ContainerConfig | null;
}

export interface UpdateContainerRequest {
  /** Only the keys that the client sent. */
  resources: Partial<Resources>;
  restartPolicy: RestartPolicy | null;
}

export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Replay the log first. */
  logs: boolean;
  /** Go on with the live stream. */
  stream: boolean;
  /** '' : default `ctrl-p,ctrl-q`. */
  detachKeys: string;
}

export interface AttachSession {
  /** Whether output is raw (tty) or mux-framed; decides the content type. */
  tty: boolean;
  /**
   * Connects a client and settles when the session is over: the process ended and all output was delivered, the client
   * left, or the detach keys were typed. The client's half-close is its end of stdin. Ends `client` itself.
   */
  run(client: Duplex): Promise<void>;
}

export interface LogsOptions {
  follow: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Nanoseconds since the epoch; null: from the start. */
  sinceNs: bigint | null;
  untilNs: bigint | null;
  timestamps: boolean;
  tail: number | 'all';
  details: boolean;
  /** Whether lines of one stream that follow each other may share frames. */
  joined: boolean;
}

export interface LogStream {
  tty: boolean;
  chunks: AsyncIterable<Buffer>;
}

/** What `X-Docker-Container-Path-Stat` carries. `mode` is Go's os.FileMode bits; `mtime` RFC 3339 nano. */
export interface PathStat {
  name: string;
  sizeBytes: number;
  mode: number;
  mtime: string;
  linkTarget: string;
}
