import type { NamespaceChoice, NamespaceChoices } from '../../host/oci/spec-input.js';
import { conflict, internal, invalid } from '../../shared/errors.js';
import type { Container } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import { containerFiles } from './container-paths.js';

/** Which namespaces a container gets, joins or shares with the host. Throws dockerd's words when another one does not run. */
export function chooseNamespaces(
  ctx: ContainersContext,
  container: Container,
  netnsPath: string | null,
): NamespaceChoices {
  const { hostConfig } = container;
  return {
    network: netnsPath === null ? 'host' : { path: netnsPath },
    ipc: ipcNamespace(ctx, hostConfig.ipcMode),
    pid: pidNamespace(ctx, hostConfig.pidMode),
    uts: hostConfig.utsMode === 'host' ? 'host' : 'private',
    cgroup: hostConfig.cgroupnsMode === 'host' ? 'host' : 'private',
  };
}

function ipcNamespace(ctx: ContainersContext, mode: string): NamespaceChoice {
  if (mode === 'host') return 'host';
  const other = otherContainer(ctx, mode);
  if (!other) return 'private';
  if (!other.container.state.running) {
    throw conflict(`failed to join IPC namespace: container ${other.id} is not running`);
  }
  if (shmPath(ctx, other.container) === null) {
    throw invalid(
      `failed to join IPC namespace: container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    );
  }
  return { path: `/proc/${other.container.state.pid}/ns/ipc` };
}

function pidNamespace(ctx: ContainersContext, mode: string): NamespaceChoice {
  if (mode === 'host') return 'host';
  const other = otherContainer(ctx, mode);
  if (!other) return 'private';
  if (!other.container.state.running) {
    throw internal(`failed to join PID namespace: container ${other.id} is not running`);
  }
  return { path: `/proc/${other.container.state.pid}/ns/pid` };
}

/** The container that a mode `container:<id>` names; null for any other mode. */
export function otherContainer(ctx: ContainersContext, mode: string): ContainerEntry | null {
  const ref = /^container:(.+)$/.exec(mode)?.[1];
  return ref === undefined ? null : ctx.registry.find(ref);
}

/** Which host directory is /dev/shm: the host's, another container's, one of its own that others may join, or (null) none. */
export function shmPath(ctx: ContainersContext, container: Container): string | null {
  const { ipcMode } = container.hostConfig;
  if (ipcMode === 'host') return '/dev/shm';
  if (ipcMode === 'shareable') return containerFiles(ctx.deps.paths, container.id).shm;
  const other = otherContainer(ctx, ipcMode);
  return other && shmPath(ctx, other.container);
}
