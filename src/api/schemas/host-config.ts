import type { Static } from 'typebox';
import { Type } from './type.js';
import type { HostConfig, PortBinding, Resources } from '../../engine/containers/container-config.js';
import { fromMountSpec, MountSpecSchema, toMountSpec } from './mount-spec.js';
import { publishedPortKey } from './port-spec.js';
import { fromResources, NULLABLE_RESOURCES, RESOURCES_PROPERTIES, toResources } from './resources.js';
import { fromRestartPolicy, RestartPolicySchema, toRestartPolicy } from './restart-policy.js';
import {
  ConsoleSize,
  Flag,
  givenOrNull,
  Int64,
  listOrNull,
  nullIfEmpty,
  omitEmptyMap,
  omitZero,
  Text,
  TextList,
  TextMap,
  TextOrList,
} from './wire.js';

const PortBindingSchema = Type.Object({ HostIp: Text, HostPort: Text });

export const HostConfigSchema = Type.Object({
  Binds: TextList,
  ContainerIDFile: Text,
  LogConfig: Type.Optional(Type.Object({ Type: Text, Config: TextMap })),
  NetworkMode: Text,
  PortBindings: Type.Optional(Type.Record(Type.String(), Type.Array(PortBindingSchema))),
  RestartPolicy: Type.Optional(RestartPolicySchema),
  AutoRemove: Flag,
  VolumeDriver: Text,
  VolumesFrom: TextList,
  ConsoleSize,
  Annotations: TextMap,
  CapAdd: TextOrList,
  CapDrop: TextOrList,
  /** Existed only in 1.40: an exact list of capabilities. */
  Capabilities: TextOrList,
  CgroupnsMode: Text,
  Dns: TextList,
  DnsOptions: TextList,
  DnsSearch: TextList,
  ExtraHosts: TextList,
  GroupAdd: TextList,
  IpcMode: Text,
  Cgroup: Text,
  Links: TextList,
  OomScoreAdj: Int64,
  PidMode: Text,
  Privileged: Flag,
  PublishAllPorts: Flag,
  ReadonlyRootfs: Flag,
  SecurityOpt: TextList,
  StorageOpt: TextMap,
  Tmpfs: TextMap,
  UTSMode: Text,
  UsernsMode: Text,
  ShmSize: Int64,
  Sysctls: TextMap,
  Runtime: Text,
  Isolation: Text,
  ...RESOURCES_PROPERTIES,
  Mounts: Type.Optional(Type.Array(MountSpecSchema)),
  MaskedPaths: TextList,
  ReadonlyPaths: TextList,
  Init: Flag,
});

export type WireHostConfig = Static<typeof HostConfigSchema>;

/** Lists and maps that inspect shows as null when they were not given. */
const NULLABLE = [
  'Binds',
  'PortBindings',
  'VolumesFrom',
  'CapAdd',
  'CapDrop',
  'Dns',
  'DnsOptions',
  'DnsSearch',
  'ExtraHosts',
  'GroupAdd',
  'SecurityOpt',
  ...NULLABLE_RESOURCES,
] as const;

/** Throws invalid on a port, propagation or restart policy that is no such thing; create checks the rest. */
export function toHostConfig(wire: WireHostConfig): HostConfig {
  // A copy of what has all fields, which are then set: for fields that come after a spread V8 makes hidden classes anew each time.
  return Object.assign({ ...SHAPE }, toResources(wire), toOwn(wire));
}

/** All but the resources. */
function toOwn(wire: WireHostConfig): Omit<HostConfig, keyof Resources> {
  return {
    binds: wire.Binds ?? [],
    containerIdFile: wire.ContainerIDFile ?? '',
    logConfig: { type: wire.LogConfig?.Type ?? '', config: wire.LogConfig?.Config ?? {} },
    networkMode: wire.NetworkMode ?? '',
    portBindings: toPortBindings(wire.PortBindings),
    restartPolicy: toRestartPolicy(wire.RestartPolicy),
    autoRemove: wire.AutoRemove ?? false,
    volumeDriver: wire.VolumeDriver ?? '',
    volumesFrom: wire.VolumesFrom ?? [],
    mounts: (wire.Mounts ?? []).map(toMountSpec),
    consoleSize: [wire.ConsoleSize?.[0] ?? 0, wire.ConsoleSize?.[1] ?? 0],
    annotations: wire.Annotations ?? {},
    capAdd: listOrNull(wire.CapAdd) ?? [],
    capDrop: listOrNull(wire.CapDrop) ?? [],
    cgroupnsMode: wire.CgroupnsMode ?? '',
    dns: wire.Dns ?? [],
    dnsOptions: wire.DnsOptions ?? [],
    dnsSearch: wire.DnsSearch ?? [],
    extraHosts: wire.ExtraHosts ?? [],
    groupAdd: wire.GroupAdd ?? [],
    ipcMode: wire.IpcMode ?? '',
    cgroup: wire.Cgroup ?? '',
    links: wire.Links ?? [],
    oomScoreAdj: wire.OomScoreAdj ?? 0,
    pidMode: wire.PidMode ?? '',
    privileged: wire.Privileged ?? false,
    publishAllPorts: wire.PublishAllPorts ?? false,
    readonlyRootfs: wire.ReadonlyRootfs ?? false,
    securityOpt: wire.SecurityOpt ?? [],
    storageOpt: wire.StorageOpt ?? {},
    tmpfs: wire.Tmpfs ?? {},
    utsMode: wire.UTSMode ?? '',
    usernsMode: wire.UsernsMode ?? '',
    shmSizeBytes: wire.ShmSize ?? 0,
    sysctls: wire.Sysctls ?? {},
    runtime: wire.Runtime ?? '',
    isolation: wire.Isolation ?? '',
    maskedPaths: listOrNull(wire.MaskedPaths),
    readonlyPaths: listOrNull(wire.ReadonlyPaths),
    init: wire.Init ?? null,
    explicitlyEmpty: NULLABLE.filter((name) => isEmpty(wire[name])),
  };
}

const SHAPE: Readonly<HostConfig> = { ...toResources({}), ...toOwn({}) };

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function toPortBindings(wire: WireHostConfig['PortBindings']): Record<string, PortBinding[]> {
  return Object.fromEntries(
    Object.entries(wire ?? {}).map(([port, bindings]) => [
      publishedPortKey(port),
      bindings.map((binding) => ({
        hostIp: binding.HostIp ?? '',
        hostPort: binding.HostPort ?? '',
      })),
    ]),
  );
}

function fromPortBindings(bindings: HostConfig['portBindings']) {
  return Object.fromEntries(
    Object.entries(bindings).map(([port, list]) => [
      port,
      list.map(({ hostIp, hostPort }) => ({ HostIp: hostIp, HostPort: hostPort })),
    ]),
  );
}

/** As dockerd 28.5 prints it: what is null, left out or empty. */
export function fromHostConfig(host: HostConfig) {
  const given = givenOrNull(host.explicitlyEmpty);
  return {
    Binds: given('Binds', host.binds),
    ContainerIDFile: host.containerIdFile,
    LogConfig: { Type: host.logConfig.type, Config: host.logConfig.config },
    NetworkMode: host.networkMode,
    PortBindings: given('PortBindings', fromPortBindings(host.portBindings)),
    RestartPolicy: fromRestartPolicy(host.restartPolicy),
    AutoRemove: host.autoRemove,
    VolumeDriver: host.volumeDriver,
    VolumesFrom: given('VolumesFrom', host.volumesFrom),
    ConsoleSize: host.consoleSize,
    Annotations: omitEmptyMap(host.annotations),
    CapAdd: given('CapAdd', host.capAdd),
    CapDrop: given('CapDrop', host.capDrop),
    CgroupnsMode: host.cgroupnsMode,
    Dns: given('Dns', host.dns),
    DnsOptions: given('DnsOptions', host.dnsOptions),
    DnsSearch: given('DnsSearch', host.dnsSearch),
    ExtraHosts: given('ExtraHosts', host.extraHosts),
    GroupAdd: given('GroupAdd', host.groupAdd),
    IpcMode: host.ipcMode,
    Cgroup: host.cgroup,
    Links: nullIfEmpty(host.links),
    OomScoreAdj: host.oomScoreAdj,
    PidMode: host.pidMode,
    Privileged: host.privileged,
    PublishAllPorts: host.publishAllPorts,
    ReadonlyRootfs: host.readonlyRootfs,
    SecurityOpt: given('SecurityOpt', host.securityOpt),
    StorageOpt: omitEmptyMap(host.storageOpt),
    Tmpfs: omitEmptyMap(host.tmpfs),
    UTSMode: host.utsMode,
    UsernsMode: host.usernsMode,
    ShmSize: host.shmSizeBytes,
    Sysctls: omitEmptyMap(host.sysctls),
    Runtime: omitZero(host.runtime),
    Isolation: host.isolation,
    ...fromResources(host, host.explicitlyEmpty),
    Mounts: omitZero(host.mounts.map(fromMountSpec)),
    MaskedPaths: host.maskedPaths,
    ReadonlyPaths: host.readonlyPaths,
    Init: host.init ?? undefined,
  };
}
