import type { Static } from 'typebox';
import { Type } from './type.js';
import type {
  DeviceMapping,
  DeviceRequest,
  Resources,
  ThrottleDevice,
  Ulimit,
} from '../../engine/containers/container-config.js';
import { NO_RESOURCES } from '../../engine/containers/no-resources.js';
import { Flag, givenOrNull, Int64, listOrNull, omitZero, Text, TextList, TextMap, Uint16, Uint64 } from './wire.js';

const ThrottleDevices = Type.Optional(Type.Array(Type.Object({ Path: Text, Rate: Uint64 })));

/** Limits, in a create request inside HostConfig and in an update request at the top level. */
export const RESOURCES_PROPERTIES = {
  CpuShares: Int64,
  Memory: Int64,
  NanoCpus: Int64,
  CgroupParent: Text,
  BlkioWeight: Uint16,
  BlkioWeightDevice: Type.Optional(Type.Array(Type.Object({ Path: Text, Weight: Uint16 }))),
  BlkioDeviceReadBps: ThrottleDevices,
  BlkioDeviceWriteBps: ThrottleDevices,
  BlkioDeviceReadIOps: ThrottleDevices,
  BlkioDeviceWriteIOps: ThrottleDevices,
  CpuPeriod: Int64,
  CpuQuota: Int64,
  CpuRealtimePeriod: Int64,
  CpuRealtimeRuntime: Int64,
  CpusetCpus: Text,
  CpusetMems: Text,
  Devices: Type.Optional(Type.Array(Type.Object({ PathOnHost: Text, PathInContainer: Text, CgroupPermissions: Text }))),
  DeviceCgroupRules: TextList,
  DeviceRequests: Type.Optional(
    Type.Array(
      Type.Object({
        Driver: Text,
        Count: Int64,
        DeviceIDs: TextList,
        Capabilities: Type.Optional(Type.Array(Type.Array(Type.String()))),
        Options: TextMap,
      }),
    ),
  ),
  KernelMemory: Int64,
  KernelMemoryTCP: Int64,
  MemoryReservation: Int64,
  MemorySwap: Int64,
  MemorySwappiness: Int64,
  OomKillDisable: Flag,
  PidsLimit: Int64,
  Ulimits: Type.Optional(Type.Array(Type.Object({ Name: Text, Soft: Int64, Hard: Int64 }))),
  CpuCount: Int64,
  CpuPercent: Int64,
  IOMaximumIOps: Uint64,
  IOMaximumBandwidth: Uint64,
};

export const ResourcesSchema = Type.Object(RESOURCES_PROPERTIES);

export type WireResources = Static<typeof ResourcesSchema>;

/** Lists that inspect shows as null when they were not given. */
export const NULLABLE_RESOURCES = [
  'BlkioWeightDevice',
  'BlkioDeviceReadBps',
  'BlkioDeviceWriteBps',
  'BlkioDeviceReadIOps',
  'BlkioDeviceWriteIOps',
  'Devices',
  'DeviceCgroupRules',
  'DeviceRequests',
  'Ulimits',
] as const;

const RESOURCES = Object.keys(NO_RESOURCES) as (keyof Resources)[];

export function toResources(wire: WireResources): Resources {
  const given = wireResources(wire);
  // Objects of one shape, whatever was given: all that is done with them later is several times as quick.
  const all: Resources = { ...NO_RESOURCES };
  for (const key of RESOURCES) give(all, key, given[key]);
  return all;
}

function give<K extends keyof Resources>(resources: Resources, key: K, value: Resources[K] | undefined): void {
  if (value !== undefined) resources[key] = value;
}

/** Only the fields that the client sent. */
export function toGivenResources(wire: WireResources): Partial<Resources> {
  return Object.fromEntries(Object.entries(wireResources(wire)).filter(([, value]) => value !== undefined));
}

/** What the client did not send is undefined. */
function wireResources(wire: WireResources): Partial<Resources> {
  return {
    cpuShares: wire.CpuShares,
    memoryBytes: wire.Memory,
    memorySwapBytes: wire.MemorySwap,
    memoryReservationBytes: wire.MemoryReservation,
    // The CLI says -1 for "not set".
    memorySwappiness: wire.MemorySwappiness === -1 ? undefined : wire.MemorySwappiness,
    kernelMemoryBytes: wire.KernelMemory,
    kernelMemoryTcpBytes: wire.KernelMemoryTCP,
    nanoCpus: wire.NanoCpus,
    cgroupParent: wire.CgroupParent,
    blkioWeight: wire.BlkioWeight,
    blkioWeightDevice: wire.BlkioWeightDevice?.map((item) => ({ path: item.Path ?? '', weight: item.Weight ?? 0 })),
    blkioDeviceReadBps: toThrottleDevices(wire.BlkioDeviceReadBps),
    blkioDeviceWriteBps: toThrottleDevices(wire.BlkioDeviceWriteBps),
    blkioDeviceReadIops: toThrottleDevices(wire.BlkioDeviceReadIOps),
    blkioDeviceWriteIops: toThrottleDevices(wire.BlkioDeviceWriteIOps),
    cpuPeriod: wire.CpuPeriod,
    cpuQuota: wire.CpuQuota,
    cpuRealtimePeriod: wire.CpuRealtimePeriod,
    cpuRealtimeRuntime: wire.CpuRealtimeRuntime,
    cpusetCpus: wire.CpusetCpus,
    cpusetMems: wire.CpusetMems,
    devices: toDevices(wire.Devices),
    deviceCgroupRules: wire.DeviceCgroupRules,
    deviceRequests: toDeviceRequests(wire.DeviceRequests),
    oomKillDisable: wire.OomKillDisable,
    pidsLimit: wire.PidsLimit,
    ulimits: toUlimits(wire.Ulimits),
    cpuCount: wire.CpuCount,
    cpuPercent: wire.CpuPercent,
    ioMaximumIops: wire.IOMaximumIOps,
    ioMaximumBandwidth: wire.IOMaximumBandwidth,
  };
}

function toThrottleDevices(wire: WireResources['BlkioDeviceReadBps']): ThrottleDevice[] | undefined {
  return wire?.map((item) => ({ path: item.Path ?? '', rate: item.Rate ?? 0 }));
}

function toDevices(wire: WireResources['Devices']): DeviceMapping[] | undefined {
  return wire?.map((item) => ({
    pathOnHost: item.PathOnHost ?? '',
    pathInContainer: item.PathInContainer ?? '',
    cgroupPermissions: item.CgroupPermissions ?? '',
  }));
}

function toDeviceRequests(wire: WireResources['DeviceRequests']): DeviceRequest[] | undefined {
  return wire?.map((item) => ({
    driver: item.Driver ?? '',
    count: item.Count ?? 0,
    deviceIds: listOrNull(item.DeviceIDs),
    capabilities: item.Capabilities ?? null,
    options: item.Options ?? null,
  }));
}

function toUlimits(wire: WireResources['Ulimits']): Ulimit[] | undefined {
  return wire?.map((item) => ({ name: item.Name ?? '', soft: item.Soft ?? 0, hard: item.Hard ?? 0 }));
}

const fromThrottleDevices = (devices: readonly ThrottleDevice[]) =>
  devices.map(({ path, rate }) => ({ Path: path, Rate: rate }));

/** As dockerd 28.5 prints them. `explicitlyEmpty`: which lists were given as empty ones. */
export function fromResources(resources: Resources, explicitlyEmpty: readonly string[] = []) {
  const given = givenOrNull(explicitlyEmpty);
  return {
    CpuShares: resources.cpuShares,
    Memory: resources.memoryBytes,
    NanoCpus: resources.nanoCpus,
    CgroupParent: resources.cgroupParent,
    BlkioWeight: resources.blkioWeight,
    BlkioWeightDevice: given(
      'BlkioWeightDevice',
      resources.blkioWeightDevice.map(({ path, weight }) => ({ Path: path, Weight: weight })),
    ),
    BlkioDeviceReadBps: given('BlkioDeviceReadBps', fromThrottleDevices(resources.blkioDeviceReadBps)),
    BlkioDeviceWriteBps: given('BlkioDeviceWriteBps', fromThrottleDevices(resources.blkioDeviceWriteBps)),
    BlkioDeviceReadIOps: given('BlkioDeviceReadIOps', fromThrottleDevices(resources.blkioDeviceReadIops)),
    BlkioDeviceWriteIOps: given('BlkioDeviceWriteIOps', fromThrottleDevices(resources.blkioDeviceWriteIops)),
    CpuPeriod: resources.cpuPeriod,
    CpuQuota: resources.cpuQuota,
    CpuRealtimePeriod: resources.cpuRealtimePeriod,
    CpuRealtimeRuntime: resources.cpuRealtimeRuntime,
    CpusetCpus: resources.cpusetCpus,
    CpusetMems: resources.cpusetMems,
    Devices: given(
      'Devices',
      resources.devices.map((device) => ({
        PathOnHost: device.pathOnHost,
        PathInContainer: device.pathInContainer,
        CgroupPermissions: device.cgroupPermissions,
      })),
    ),
    DeviceCgroupRules: given('DeviceCgroupRules', resources.deviceCgroupRules),
    DeviceRequests: given(
      'DeviceRequests',
      resources.deviceRequests.map((request) => ({
        Driver: request.driver,
        Count: request.count,
        DeviceIDs: request.deviceIds,
        Capabilities: request.capabilities,
        Options: request.options,
      })),
    ),
    KernelMemory: omitZero(resources.kernelMemoryBytes),
    KernelMemoryTCP: omitZero(resources.kernelMemoryTcpBytes),
    MemoryReservation: resources.memoryReservationBytes,
    MemorySwap: resources.memorySwapBytes,
    MemorySwappiness: resources.memorySwappiness,
    OomKillDisable: resources.oomKillDisable,
    PidsLimit: resources.pidsLimit,
    Ulimits: given(
      'Ulimits',
      resources.ulimits.map(({ name, hard, soft }) => ({ Name: name, Hard: hard, Soft: soft })),
    ),
    CpuCount: resources.cpuCount,
    CpuPercent: resources.cpuPercent,
    IOMaximumIOps: resources.ioMaximumIops,
    IOMaximumBandwidth: resources.ioMaximumBandwidth,
  };
}
