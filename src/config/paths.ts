import { join, resolve } from 'node:path';

/** Every path that the daemon owns. Nothing else decides where something lies. */
export interface DaemonPaths {
  /** What outlives a reboot. */
  readonly dataRoot: string;
  /** What a reboot may take away. */
  readonly execRoot: string;
  /** Held with flock as long as the daemon runs. */
  readonly lockFile: string;
  readonly database: string;
  /** `<id>/` holds the log, hosts, hostname and resolv.conf. */
  readonly containers: string;
  /** `<name>/_data` */
  readonly volumes: string;
  /** `blobs/sha256/…` as in an OCI layout. */
  readonly content: string;
  /** Unpacked layers and containers' writable ones. */
  readonly overlay2: string;
  readonly tmp: string;
  /** Bind-mounted network namespaces. */
  readonly netns: string;
  /** The OCI bundles of running containers, by id. */
  readonly bundles: string;
  /** The shims' sockets and exit records, by container id. */
  readonly shims: string;
  /** Where the relay of published ports listens for daemons, and what it complains of. */
  readonly relaySocket: string;
  readonly relayLog: string;
  /** Where root file systems of stopped containers are put together for copying. */
  readonly views: string;
  /** `--root` of the OCI runtimes. */
  readonly runtimeState: string;
}

export function daemonPaths(config: { dataRoot: string; execRoot: string }): DaemonPaths {
  const dataRoot = resolve(config.dataRoot);
  const execRoot = resolve(config.execRoot);
  return {
    dataRoot,
    execRoot,
    lockFile: join(dataRoot, 'wharfd.lock'),
    database: join(dataRoot, 'wharfd.db'),
    containers: join(dataRoot, 'containers'),
    volumes: join(dataRoot, 'volumes'),
    content: join(dataRoot, 'content'),
    overlay2: join(dataRoot, 'overlay2'),
    tmp: join(dataRoot, 'tmp'),
    netns: join(execRoot, 'netns'),
    bundles: join(execRoot, 'containers'),
    shims: join(execRoot, 'shims'),
    relaySocket: join(execRoot, 'relay.sock'),
    relayLog: join(execRoot, 'relay.log'),
    views: join(execRoot, 'views'),
    runtimeState: join(execRoot, 'runtime'),
  };
}
