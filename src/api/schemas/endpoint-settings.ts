import type { Static } from 'typebox';
import { Type } from './type.js';
import type { EndpointConfig, EndpointIpamConfig } from '../../engine/containers/container-config.js';
import type { ContainerEndpoint } from '../../engine/containers/container.js';
import { Int64, listOrNull, omitZero, Text, TextList, TextMap } from './wire.js';

/** What a client asks for one network. The operational fields of inspect may be there too and mean nothing. */
export const EndpointSettingsSchema = Type.Object({
  IPAMConfig: Type.Optional(Type.Object({ IPv4Address: Text, IPv6Address: Text, LinkLocalIPs: TextList })),
  Links: TextList,
  Aliases: TextList,
  MacAddress: Text,
  DriverOpts: TextMap,
  GwPriority: Int64,
});

/** `NetworkingConfig` of a create request. A null endpoint is one with nothing special. */
export const NetworkingConfigSchema = Type.Object({
  EndpointsConfig: Type.Optional(Type.Record(Type.String(), EndpointSettingsSchema)),
});

export type WireEndpointSettings = Static<typeof EndpointSettingsSchema>;

export function toEndpointConfig(wire: WireEndpointSettings): EndpointConfig {
  const ipam = wire.IPAMConfig;
  return {
    ipamConfig: ipam
      ? {
          ipv4Address: ipam.IPv4Address ?? '',
          ipv6Address: ipam.IPv6Address ?? '',
          linkLocalIps: ipam.LinkLocalIPs ?? [],
        }
      : null,
    links: listOrNull(wire.Links),
    aliases: listOrNull(wire.Aliases),
    driverOpts: wire.DriverOpts ? (wire.DriverOpts ?? {}) : null,
    macAddress: wire.MacAddress ?? '',
    gwPriority: wire.GwPriority ?? 0,
  };
}

function fromIpamConfig(ipam: EndpointIpamConfig) {
  return {
    IPv4Address: omitZero(ipam.ipv4Address),
    IPv6Address: omitZero(ipam.ipv6Address),
    LinkLocalIPs: omitZero(ipam.linkLocalIps),
  };
}

/** One entry of `NetworkSettings.Networks`: the request, and what the endpoint was given while it is up. */
export function fromContainerEndpoint(endpoint: ContainerEndpoint) {
  return {
    IPAMConfig: endpoint.ipamConfig ? fromIpamConfig(endpoint.ipamConfig) : null,
    Links: endpoint.links,
    Aliases: endpoint.aliases,
    MacAddress: endpoint.effectiveMacAddress || endpoint.macAddress,
    DriverOpts: endpoint.driverOpts,
    GwPriority: endpoint.gwPriority,
    NetworkID: endpoint.networkId,
    EndpointID: endpoint.endpointId,
    Gateway: endpoint.gateway,
    IPAddress: endpoint.ipAddress,
    IPPrefixLen: endpoint.ipPrefixLen,
    IPv6Gateway: endpoint.ipv6Gateway,
    GlobalIPv6Address: endpoint.globalIpv6Address,
    GlobalIPv6PrefixLen: endpoint.globalIpv6PrefixLen,
    DNSNames: endpoint.dnsNames,
  };
}
