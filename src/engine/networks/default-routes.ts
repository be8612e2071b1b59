import { findLink } from '../../host/netlink/links.js';
import type { RouteSocket } from '../../host/netlink/route-socket.js';
import { deleteRoute, replaceRoute, type Route } from '../../host/netlink/routes.js';
import { hasCode } from '../../shared/errors.js';
import type { Endpoint } from './model.js';

type Version = 4 | 6;
const VERSIONS: readonly Version[] = [4, 6];

/**
 * The endpoint that a default route goes through, of one family or of any: one with a way out for both families first, then by priority,
 * then by the network's name; null if none leads anywhere. Source: dockerd 28.5, tried.
 */
export function gatewayEndpoint(endpoints: readonly Endpoint[], version?: Version): Endpoint | null {
  const versions = version ? [version] : VERSIONS;
  const candidates = endpoints.filter((endpoint) => versions.some((one) => leadsOut(endpoint, one)));
  const isDual = (endpoint: Endpoint): number => Number(VERSIONS.every((one) => leadsOut(endpoint, one)));
  candidates.sort(
    (one, other) =>
      isDual(other) - isDual(one) ||
      other.gwPriority - one.gwPriority ||
      (one.networkName < other.networkName ? -1 : 1),
  );
  return candidates[0] ?? null;
}

function leadsOut(
  { gateway, ipv6Gateway, ipAddress, globalIpv6Address, routesToDevice }: Endpoint,
  version: Version,
): boolean {
  const [via, own] = version === 4 ? [gateway, ipAddress] : [ipv6Gateway, globalIpv6Address];
  return via !== '' || (routesToDevice === true && own !== '');
}

/**
 * Makes the default routes of a namespace those of the endpoints that it has now; `before` are those that it had. `indexOf` tells an
 * interface's number, null when it is gone; its routes are gone too then.
 */
export function setDefaultRoutes(
  inside: RouteSocket,
  before: readonly Endpoint[],
  after: readonly Endpoint[],
  indexOf: (endpoint: Endpoint) => number | null = (endpoint) =>
    findLink(inside, endpoint.interfaceName)?.index ?? null,
): void {
  for (const version of VERSIONS) {
    const [former, next] = [gatewayEndpoint(before, version), gatewayEndpoint(after, version)];
    if (former?.endpointId === next?.endpointId) continue;
    const link = next && indexOf(next);
    if (next && link !== null) inside.request(replaceRoute(routeOf(next, version, link), version === 6));
    else if (former) removeRoute(inside, former, version, indexOf(former));
  }
}

function routeOf({ gateway, ipv6Gateway }: Endpoint, version: Version, link: number): Route {
  return { destination: null, gateway: (version === 4 ? gateway : ipv6Gateway) || null, link };
}

function removeRoute(inside: RouteSocket, endpoint: Endpoint, version: Version, link: number | null): void {
  if (link === null) return;
  try {
    inside.request(deleteRoute(routeOf(endpoint, version, link), version === 6));
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
