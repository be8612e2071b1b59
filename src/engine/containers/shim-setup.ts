import { kernelCgroupPath } from '../../host/cgroup/cgroup-layout.js';
import type { LogFileOptions, ShimOptions } from '../../host/shim/shim-args.js';
import type { Container } from './container.js';
import { containerFiles, runFiles } from './container-paths.js';
import type { ContainersContext } from './containers-context.js';
import { cgroupsPath } from './spec-request.js';

/** Where a shim's files are: those of a run or of an exec. */
interface ShimFiles {
  exit: string;
  pid: string;
  runtimeLog: string;
  shimLog: string;
  socket: string;
}

/** What the shim of a container and the shim of an exec are told alike. `consoleSize` is [height, width]; zeros are no size. */
export function shimSetup(
  { deps }: ContainersContext,
  files: ShimFiles,
  runtimeName: string,
  consoleSize: [number, number] | null,
): Pick<ShimOptions, 'runtime' | 'socketPath' | 'exitFile' | 'pidFile' | 'shimLog' | 'consoleSize'> {
  const { path, args } = deps.oci.runtimes.resolve(runtimeName);
  const [height, width] = consoleSize ?? [0, 0];
  return {
    runtime: {
      path,
      root: deps.paths.runtimeRoot,
      args,
      logPath: files.runtimeLog,
      systemdCgroup: deps.defaults.cgroupDriver === 'systemd',
    },
    socketPath: files.socket,
    exitFile: files.exit,
    pidFile: files.pid,
    shimLog: files.shimLog,
    consoleSize: height > 0 && width > 0 ? { height, width } : null,
  };
}

/** What the shim of a container's run is told. */
export type RunSetup = Omit<ShimOptions, 'binary' | 'executable'>;

/** Throws invalid when the runtime is not there. */
export function runSetup(
  ctx: ContainersContext,
  container: Pick<Container, 'id' | 'config' | 'hostConfig'>,
  log: LogFileOptions | null,
): RunSetup {
  const { deps } = ctx;
  const { id, config, hostConfig } = container;
  const files = runFiles(deps.paths, id);
  return {
    id,
    process: { bundle: files.bundle },
    tty: config.tty,
    stdin: config.openStdin,
    stdinOnce: config.stdinOnce,
    spoolDirectory: containerFiles(deps.paths, id).directory,
    cgroupPath: kernelCgroupPath(cgroupsPath(ctx, container)),
    log,
    // The CLI tells the size of its own terminal for containers without one, too.
    ...shimSetup(ctx, files, hostConfig.runtime, config.tty ? hostConfig.consoleSize : null),
  };
}
