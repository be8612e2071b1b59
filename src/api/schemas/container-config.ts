import type { Static } from 'typebox';
import { Type } from './type.js';
import type { ContainerConfig } from '../../engine/containers/container-config.js';
import { fromHealthConfig, HealthConfigSchema, toHealthConfig } from './health-config.js';
import { portKeys } from './port-spec.js';
import {
  Flag,
  Int64,
  keySet,
  KeySet,
  listOrNull,
  omitEmptyMap,
  omitZero,
  Text,
  TextList,
  TextMap,
  TextOrList,
} from './wire.js';

/** `Config` of inspect, and the top level of a create request. */
export const CONTAINER_CONFIG_PROPERTIES = {
  Hostname: Text,
  Domainname: Text,
  User: Text,
  AttachStdin: Flag,
  AttachStdout: Flag,
  AttachStderr: Flag,
  ExposedPorts: KeySet,
  Tty: Flag,
  OpenStdin: Flag,
  StdinOnce: Flag,
  Env: TextList,
  Cmd: TextOrList,
  Healthcheck: Type.Optional(HealthConfigSchema),
  ArgsEscaped: Flag,
  Image: Text,
  Volumes: KeySet,
  WorkingDir: Text,
  Entrypoint: TextOrList,
  NetworkDisabled: Flag,
  MacAddress: Text,
  OnBuild: TextList,
  Labels: TextMap,
  StopSignal: Text,
  StopTimeout: Int64,
  Shell: TextOrList,
};

export const ContainerConfigSchema = Type.Object(CONTAINER_CONFIG_PROPERTIES);

export type WireContainerConfig = Static<typeof ContainerConfigSchema>;

/** The engine's form. Absent lists where an image may be inherited from are null; port keys get their protocol. */
export function toContainerConfig(wire: WireContainerConfig): ContainerConfig {
  return {
    hostname: wire.Hostname ?? '',
    domainname: wire.Domainname ?? '',
    user: wire.User ?? '',
    attachStdin: wire.AttachStdin ?? false,
    attachStdout: wire.AttachStdout ?? false,
    attachStderr: wire.AttachStderr ?? false,
    exposedPorts: [...new Set(Object.keys(wire.ExposedPorts ?? {}).flatMap(portKeys))],
    tty: wire.Tty ?? false,
    openStdin: wire.OpenStdin ?? false,
    stdinOnce: wire.StdinOnce ?? false,
    env: wire.Env ?? [],
    cmd: listOrNull(wire.Cmd),
    healthcheck: wire.Healthcheck ? toHealthConfig(wire.Healthcheck) : null,
    argsEscaped: wire.ArgsEscaped ?? false,
    image: wire.Image ?? '',
    volumes: Object.keys(wire.Volumes ?? {}),
    workingDir: wire.WorkingDir ?? '',
    entrypoint: listOrNull(wire.Entrypoint),
    networkDisabled: wire.NetworkDisabled ?? false,
    macAddress: wire.MacAddress ?? '',
    onBuild: listOrNull(wire.OnBuild),
    labels: wire.Labels ?? {},
    stopSignal: wire.StopSignal ?? '',
    stopTimeoutSec: wire.StopTimeout ?? null,
    shell: listOrNull(wire.Shell),
  };
}

/** As dockerd 28.5 prints it: which empty fields are null, which are left out, which stay. */
export function fromContainerConfig(config: ContainerConfig) {
  return {
    Hostname: config.hostname,
    Domainname: config.domainname,
    User: config.user,
    AttachStdin: config.attachStdin,
    AttachStdout: config.attachStdout,
    AttachStderr: config.attachStderr,
    ExposedPorts: omitEmptyMap(keySet(config.exposedPorts)),
    Tty: config.tty,
    OpenStdin: config.openStdin,
    StdinOnce: config.stdinOnce,
    Env: config.env,
    Cmd: config.cmd,
    Healthcheck: config.healthcheck ? fromHealthConfig(config.healthcheck) : undefined,
    ArgsEscaped: omitZero(config.argsEscaped),
    Image: config.image,
    Volumes: omitEmptyMap(keySet(config.volumes)) ?? null,
    WorkingDir: config.workingDir,
    Entrypoint: config.entrypoint,
    NetworkDisabled: omitZero(config.networkDisabled),
    MacAddress: omitZero(config.macAddress),
    /** Left out from 1.52 on when there is none. */
    OnBuild: config.onBuild as string[] | null | undefined,
    Labels: config.labels,
    StopSignal: omitZero(config.stopSignal),
    StopTimeout: config.stopTimeoutSec ?? undefined,
    Shell: config.shell && config.shell.length > 0 ? config.shell : undefined,
  };
}
