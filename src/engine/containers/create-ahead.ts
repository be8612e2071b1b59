import { specJson } from '../../host/oci/rlimits.js';
import type { Container } from './container.js';
import type { ContainerEntry } from './container-entry.js';
import type { ContainersContext } from './containers-context.js';
import type { KnownUser } from './known-user.js';
import { makeNetworkFiles } from './network-files.js';
import { networkFiles, specRequest, type SpecFacts } from './spec-request.js';

/** Modes that lead to nothing but namespaces of the container's own. */
const OWN = new Set(['', 'private', 'none']);

/**
 * Whether all that the runtime is told of such a container is known at its create, and nothing of it can be other at the start, so long as
 * the container is the same: it has no mounts, devices, links, settings of the network's, or shares with others.
 */
function isSelfContained({ plan, container }: ContainerEntry): boolean {
  const { config, hostConfig } = container;
  const { networkMode, pidMode, ipcMode, utsMode, usernsMode, links, devices, deviceRequests, sysctls } = hostConfig;
  // By its id, the host's network is a mode of another name, but is called so in the container's list.
  const isHostNetwork = networkMode === 'host' || 'host' in container.network.networks;
  const isNetworkOwn = !isHostNetwork && !networkMode.startsWith('container:') && !config.networkDisabled;
  return (
    isNetworkOwn &&
    [pidMode, ipcMode, utsMode, usernsMode].every((mode) => OWN.has(mode)) &&
    !hostConfig.privileged &&
    [plan, links, devices, deviceRequests, Object.keys(sysctls)].every(({ length }) => length === 0)
  );
}

/**
 * What the start of a container that has just been created will tell the runtime, with what that refers to: the files bound into it, still
 * empty, and its network namespace, which `connectSandbox` uses or `cancelReservation` removes. null: it can't be known yet, or not be had
 * quickly; nothing was made then. Throws what the start would throw.
 */
export function specAhead(
  ctx: ContainersContext,
  entry: ContainerEntry,
  rootfs: string,
  users: KnownUser,
): string | null {
  const { container } = entry;
  if (!isSelfContained(entry)) return null;
  const netnsPath = ctx.deps.networks.reserveNamespace(entry.id);
  if (netnsPath === null) return null;
  try {
    makeNetworkFiles(container);
    return specText(ctx, container, { rootfs, netnsPath, user: users.of(ctx, container, rootfs) });
  } catch (error) {
    ctx.deps.networks.cancelReservation(entry.id);
    throw error;
  }
}

function specText(
  ctx: ContainersContext,
  container: Container,
  facts: Pick<SpecFacts, 'rootfs' | 'netnsPath' | 'user'>,
): string {
  const mounts = networkFiles(ctx, container, []);
  return specJson(ctx.deps.oci.buildSpec(specRequest(ctx, container, { ...facts, mounts, cdiEdits: [] })));
}
