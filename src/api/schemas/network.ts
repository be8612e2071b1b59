import type { Static } from 'typebox';
import { Type } from './type.js';
import type { CreateNetworkRequest, IpamPool, NetworkDetails, PoolUsage } from '../../engine/networks/model.js';
import { EndpointSettingsSchema } from './endpoint-settings.js';
import { Flag, omitEmptyMap, omitZero, Text, TextMap } from './wire.js';

const IpamConfigSchema = Type.Object({
  Subnet: Text,
  IPRange: Text,
  Gateway: Text,
  AuxiliaryAddresses: TextMap,
  // The name that dockerd's own struct has on the wire for clients that were generated from it.
  AuxAddress: TextMap,
});

export const CreateNetworkSchema = Type.Object(
  {
    Name: Text,
    CheckDuplicate: Flag,
    Driver: Text,
    Scope: Text,
    EnableIPv4: Flag,
    EnableIPv6: Flag,
    IPAM: Type.Optional(
      Type.Object({ Driver: Text, Options: TextMap, Config: Type.Optional(Type.Array(IpamConfigSchema)) }),
    ),
    Internal: Flag,
    Attachable: Flag,
    Ingress: Flag,
    ConfigOnly: Flag,
    ConfigFrom: Type.Optional(Type.Object({ Network: Text })),
    Options: TextMap,
    Labels: TextMap,
  },
  { goType: 'CreateRequest' },
);

export const ConnectNetworkSchema = Type.Object(
  { Container: Text, EndpointConfig: Type.Optional(EndpointSettingsSchema) },
  { goType: 'ConnectOptions' },
);

export const DisconnectNetworkSchema = Type.Object({ Container: Text, Force: Flag }, { goType: 'DisconnectOptions' });

export function toCreateNetworkRequest(wire: Static<typeof CreateNetworkSchema>): CreateNetworkRequest {
  return {
    name: wire.Name ?? '',
    driver: wire.Driver ?? '',
    enableIpv4: wire.EnableIPv4 ?? null,
    enableIpv6: wire.EnableIPv6 ?? null,
    internal: wire.Internal ?? false,
    attachable: wire.Attachable ?? false,
    ingress: wire.Ingress ?? false,
    configOnly: wire.ConfigOnly ?? false,
    configFrom: wire.ConfigFrom?.Network ?? '',
    scope: wire.Scope ?? '',
    ipam: wire.IPAM
      ? {
          driver: wire.IPAM.Driver ?? '',
          options: wire.IPAM.Options ?? null,
          config: (wire.IPAM.Config ?? []).map(toIpamPool),
        }
      : null,
    options: wire.Options ?? {},
    labels: wire.Labels ?? {},
  };
}

function toIpamPool(wire: Static<typeof IpamConfigSchema>): Partial<IpamPool> {
  return {
    subnet: wire.Subnet ?? '',
    ipRange: wire.IPRange ?? '',
    gateway: wire.Gateway ?? '',
    auxiliaryAddresses: wire.AuxiliaryAddresses ?? wire.AuxAddress ?? {},
  };
}

/** A network as the list and inspect show it, with every field of every version. */
export function fromNetwork(network: NetworkDetails) {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.created,
    Scope: network.scope,
    Driver: network.driver,
    EnableIPv4: network.enableIpv4,
    EnableIPv6: network.enableIpv6,
    IPAM: {
      Driver: network.ipam.driver,
      Options: network.ipam.options,
      Config: network.ipam.config.length > 0 ? network.ipam.config.map(fromIpamPool) : null,
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: network.ingress,
    ConfigFrom: { Network: network.configFrom },
    ConfigOnly: network.configOnly,
    Containers: Object.fromEntries(
      network.members.map((member) => [
        member.containerId,
        {
          Name: member.containerName,
          EndpointID: member.endpointId,
          MacAddress: member.macAddress,
          IPv4Address: member.ipv4Address,
          IPv6Address: member.ipv6Address,
        },
      ]),
    ),
    Options: network.options,
    Labels: network.labels,
  };
}

function fromIpamPool(pool: IpamPool) {
  return {
    Subnet: omitZero(pool.subnet),
    IPRange: omitZero(pool.ipRange),
    Gateway: pool.isGatewayImplied ? undefined : omitZero(pool.gateway),
    AuxiliaryAddresses: omitEmptyMap(pool.auxiliaryAddresses),
  };
}

const LARGEST_UINT64 = (1n << 64n) - 1n;

/** `Status` of inspect: how full the subnets are. Its numbers are texts that `withWholeNumbers` makes numbers. */
export function fromPoolUsage(pools: readonly PoolUsage[]) {
  return {
    IPAM: {
      Subnets: Object.fromEntries(
        pools.map(({ subnet, inUse, available }) => [
          subnet,
          { IPsInUse: wholeNumber(inUse), DynamicIPsAvailable: wholeNumber(available) },
        ]),
      ),
    },
  };
}

/** Numbers above 2^53 lose their last digits in JavaScript, and Go refuses what is above 2^64. */
function wholeNumber(value: bigint): string {
  return `\0${value > LARGEST_UINT64 ? LARGEST_UINT64 : value}`;
}

/** The JSON text of `fromPoolUsage` with the texts of `wholeNumber` as plain integers. */
export function withWholeNumbers(jsonText: string): string {
  return jsonText.replaceAll(/"\\u0000(\d+)"/g, '$1');
}
