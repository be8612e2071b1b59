import type { DaemonConfig } from '../config/options.js';
import { RuntimeRegistry } from '../host/oci/runtimes.js';

/** The runtimes that are configured. A containerd shim's name stands for the runtime in it: `io.containerd.kata.v2` for `kata`. */
export function runtimeRegistry(config: DaemonConfig): RuntimeRegistry {
  const configured = Object.entries(config.runtimes).map(
    ([name, { path, runtimeArgs, runtimeType }]) =>
      [name, { path: path === '' ? runtimeOfShim(runtimeType) : path, args: runtimeArgs }] as const,
  );
  const defaultName = config.defaultRuntime === '' ? 'runc' : config.defaultRuntime;
  return new RuntimeRegistry(Object.fromEntries(configured), defaultName);
}

function runtimeOfShim(runtimeType: string): string {
  return /^io\.containerd\.([^.]+)\.v\d+$/.exec(runtimeType)?.[1] ?? runtimeType;
}
