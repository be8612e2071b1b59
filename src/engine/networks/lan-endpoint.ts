import { randomBytes } from 'node:crypto';
import { closeSync, openSync } from 'node:fs';
import { deleteLink, findLink, type Link, listLinks, setLink } from '../../host/netlink/links.js';
import { openRouteSocket, type RouteSocket } from '../../host/netlink/route-socket.js';
import { createIpvlan, createMacvlan } from '../../host/netlink/stacked-links.js';
import { hasCode, internal } from '../../shared/errors.js';
import { ipvlanFlag, ipvlanMode, macvlanMode } from './lan-options.js';
import type { Endpoint, Network, Sandbox } from './model.js';
import type { NetworksContext } from './networks-context.js';
import { systemErrorText } from './system-error-text.js';

/** Marks the links that we put into containers (`whar`), so that those of other hands are never taken for ours. */
const LINK_GROUP = 0x77686172;

/** Whether an endpoint is a link on the host's own wire, which has no end on the host. */
export function isLanEndpoint({ interfaceName, hostInterface }: Endpoint): boolean {
  return interfaceName !== '' && hostInterface === '';
}

/**
 * Gives a namespace its link on the network's parent, down and without addresses; `inside` is a socket in there. Throws internal in dockerd's
 * words, with nothing left. It is born under a name and a number that nobody has: kernels before 6.14 look for those of a new link among
 * the host's, and find that its eth0 exists.
 */
export function createLanLink(
  ctx: NetworksContext,
  network: Network,
  endpoint: Endpoint,
  sandboxKey: string,
  inside: RouteSocket,
): void {
  const parentName = network.parent?.name ?? '';
  const parent = findLink(ctx.routes, parentName);
  if (!parent) throw internal(`the requested parent interface ${parentName} was not found on the Docker host`);
  const netnsFd = openSync(sandboxKey, 'r');
  const name = `lan${randomBytes(5).toString('hex')}`;
  const settings = { name, parent: parent.index, netnsFd, group: LINK_GROUP };
  try {
    ctx.routes.request(
      network.driver === 'ipvlan'
        ? createIpvlan(settings, ipvlanMode(network), ipvlanFlag(network))
        : createMacvlan({ ...settings, macAddress: endpoint.macAddress }, macvlanMode(network)),
    );
  } catch (error) {
    throw internal(`failed to create the ${network.driver} port: ${systemErrorText(error)}`, error);
  } finally {
    closeSync(netnsFd);
  }
  rename(inside, name, endpoint.interfaceName);
}

function rename(inside: RouteSocket, name: string, wanted: string): void {
  try {
    inside.request(setLink(findLink(inside, name)?.index ?? 0, { name: wanted }));
  } catch (error) {
    removeLink(inside, name);
    const what = `error renaming interface "${name}" to "${wanted}": ${systemErrorText(error)}`;
    throw internal(`failed to add interface ${name} to sandbox: ${what}`, error);
  }
}

/**
 * Takes the links on the host's wire out of a namespace, at once and not with the namespace's end: the next holder of such an address, or of a
 * parent that only one can have, must find it free. A namespace or link that is gone is fine.
 */
export function removeLanLinks(sandboxKey: string, endpoints: readonly Endpoint[]): void {
  const names = endpoints.filter(isLanEndpoint).map(({ interfaceName }) => interfaceName);
  if (names.length > 0) withSocket(sandboxKey, (socket) => names.forEach((name) => removeLink(socket, name)));
}

/** Removes links that a connect put into a running container and did not live to record. */
export function removeStrayLanLinks({ kind, sandboxKey, endpoints }: Sandbox): void {
  if (kind === 'host') return;
  const known = new Set(endpoints.map(({ interfaceName }) => interfaceName));
  const isStray = ({ name, group }: Link): boolean => group === LINK_GROUP && !known.has(name);
  withSocket(sandboxKey, (socket) => {
    for (const { name } of listLinks(socket).filter(isStray)) removeLink(socket, name);
  });
}

function withSocket(sandboxKey: string, fn: (socket: RouteSocket) => void): void {
  let socket: RouteSocket;
  try {
    socket = openRouteSocket(sandboxKey);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'EINVAL')) return;
    throw error;
  }
  try {
    fn(socket);
  } finally {
    socket[Symbol.dispose]();
  }
}

function removeLink(socket: RouteSocket, name: string): void {
  try {
    socket.request(deleteLink(name));
  } catch (error) {
    if (!hasCode(error, 'ENODEV')) throw error;
  }
}
