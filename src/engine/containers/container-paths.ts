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
  const directory = `${roots.containers}/${id}`;
  return {
    directory,
    log: `${directory}/${id}-json.log`,
    localLog: `${directory}/local-logs/container.log`,
    hostname: `${directory}/hostname`,
    hosts: `${directory}/hosts`,
    resolvConf: `${directory}/resolv.conf`,
    shm: `${directory}/mounts/shm`,
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
  resolvConf: string;
  runtimeLog: string;
  shimLog: string;
  socket: string;
} {
  const bundle = `${roots.bundles}/${id}`;
  return {
    bundle,
    commitPause: `${bundle}/commit-pause`,
    config: `${bundle}/config.json`,
    exit: `${bundle}/exit.json`,
    pid: `${bundle}/pid`,
    // What was written into the container's file of that name.
    resolvConf: `${bundle}/resolv.conf`,
    runtimeLog: `${bundle}/runtime.log`,
    shimLog: `${bundle}/shim.log`,
    // Half of the id: with the whole one the path would not fit into a socket address.
    socket: `${roots.sockets}/${id.slice(0, 32)}.sock`,
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
  const bundle = `${roots.bundles}/${containerId}`;
  const short = execId.slice(0, 32);
  return {
    record: `${bundle}/exec-${short}${EXEC_RECORD_SUFFIX}`,
    process: `${bundle}/exec-${short}.json`,
    plan: `${bundle}/exec-${short}.plan`,
    // One for all execs of a run.
    filter: `${bundle}/seccomp`,
    exit: `${bundle}/exec-${short}.exit`,
    pid: `${bundle}/exec-${short}.pid`,
    runtimeLog: `${bundle}/exec-${short}.log`,
    shimLog: `${bundle}/shim.log`,
    socket: `${roots.sockets}/${EXEC_SOCKET_PREFIX}${short}.sock`,
  };
}

/** Tells the sockets of execs from those of containers. */
export const EXEC_SOCKET_PREFIX = 'x-';

/** Tells what is stored of an exec from its other files. */
export const EXEC_RECORD_SUFFIX = '.exec';
