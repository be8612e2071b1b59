import { join } from 'node:path';
import type { ContainerRoots } from './containers-deps.js';

/** Files of one container that survive its stop, on the data-root. */
export function containerFiles(
  roots: ContainerRoots,
  id: string,
): {
  directory: string;
  log: string;
  localLog: string;
  hostname: string;
  hosts: string;
  resolvConf: string;
  shm: string;
} {
  const directory = join(roots.containers, id);
  return {
    directory,
    log: join(directory, `${id}-json.log`),
    localLog: join(directory, 'local-logs', 'container.log'),
    hostname: join(directory, 'hostname'),
    hosts: join(directory, 'hosts'),
    resolvConf: join(directory, 'resolv.conf'),
    shm: join(directory, 'mounts', 'shm'),
  };
}

/** Files of one run of a container, on the exec-root. */
export function runFiles(
  roots: ContainerRoots,
  id: string,
): {
  bundle: string;
  commitPause: string;
  config: string;
  exit: string;
  pid: string;
  runtimeLog: string;
  shimLog: string;
  socket: string;
} {
  const bundle = join(roots.bundles, id);
  return {
    bundle,
    commitPause: join(bundle, 'commit-pause'),
    config: join(bundle, 'config.json'),
    exit: join(bundle, 'exit.json'),
    pid: join(bundle, 'pid'),
    runtimeLog: join(bundle, 'runtime.log'),
    shimLog: join(bundle, 'shim.log'),
    // Half of the id: with the whole one the path would not fit into a socket address.
    socket: join(roots.sockets, `${id.slice(0, 32)}.sock`),
  };
}

/** Files of one exec; all but the socket lie in the bundle and go with it. */
export function execFiles(
  roots: ContainerRoots,
  containerId: string,
  execId: string,
): {
  record: string;
  process: string;
  plan: string;
  filter: string;
  exit: string;
  pid: string;
  runtimeLog: string;
  shimLog: string;
  socket: string;
} {
  const bundle = join(roots.bundles, containerId);
  const short = execId.slice(0, 32);
  return {
    record: join(bundle, `exec-${short}${EXEC_RECORD_SUFFIX}`),
    process: join(bundle, `exec-${short}.json`),
    plan: join(bundle, `exec-${short}.plan`),
    // One for all execs of a run.
    filter: join(bundle, 'seccomp'),
    exit: join(bundle, `exec-${short}.exit`),
    pid: join(bundle, `exec-${short}.pid`),
    runtimeLog: join(bundle, `exec-${short}.log`),
    shimLog: join(bundle, 'shim.log'),
    socket: join(roots.sockets, `${EXEC_SOCKET_PREFIX}${short}.sock`),
  };
}

/** Tells the sockets of execs from those of containers. */
export const EXEC_SOCKET_PREFIX = 'x-';

/** Tells what is stored of an exec from its other files. */
export const EXEC_RECORD_SUFFIX = '.exec';
