import type { ShimOptions } from '../../host/shim/shim-args.js';
import type { ContainersContext } from './containers-context.js';

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
