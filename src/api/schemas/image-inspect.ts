import type { Image, ImageRunConfig } from '../../engine/images/image.js';
import { fromHealthConfig } from './health-config.js';
import { fromDescriptor } from './image-summary.js';
import { keySet, omitEmptyMap, omitZero } from './wire.js';

const ZERO_TIME = '0001-01-01T00:00:00Z';

/** The body of `GET /images/{name}/json`, with every field of every version. */
export function fromImage(image: Image, graphDriver: { name: string; data: Record<string, string> }) {
  return {
    Id: image.id,
    RepoTags: image.repoTags,
    RepoDigests: image.repoDigests,
    Parent: image.parentId,
    Comment: image.comment,
    Created: omitZero(image.created),
    Container: '',
    ContainerConfig: emptyContainerConfig(),
    DockerVersion: image.dockerVersion,
    Author: image.author,
    Config: fromImageRunConfig(image.config),
    Architecture: image.platform.architecture,
    Variant: omitZero(image.platform.variant),
    Os: image.platform.os,
    OsVersion: omitZero(image.platform.osVersion),
    Size: image.sizeBytes,
    VirtualSize: image.sizeBytes,
    GraphDriver: { Data: graphDriver.data, Name: graphDriver.name },
    RootFS: { Type: 'layers', Layers: image.diffIds.length > 0 ? image.diffIds : undefined },
    Metadata: { LastTagTime: image.lastTagTime ?? ZERO_TIME },
    Descriptor: fromDescriptor(image.descriptor),
  };
}

export type WireImage = ReturnType<typeof fromImage>;

/** Lists that are not given are null; what clients from 1.52 on must not see empty is taken out by its gate. */
function fromImageRunConfig(config: ImageRunConfig) {
  return {
    ...containerOnlyFields(),
    User: config.user,
    ExposedPorts: config.exposedPorts.length > 0 ? keySet(config.exposedPorts) : undefined,
    Env: config.env.length > 0 ? config.env : null,
    Cmd: config.cmd,
    Healthcheck: config.healthcheck ? fromHealthConfig(config.healthcheck) : undefined,
    ArgsEscaped: omitZero(config.argsEscaped),
    Volumes: config.volumes.length > 0 ? keySet(config.volumes) : null,
    WorkingDir: config.workingDir,
    Entrypoint: config.entrypoint,
    OnBuild: config.onBuild,
    Labels: omitEmptyMap(config.labels) ?? null,
    StopSignal: omitZero(config.stopSignal),
    Shell: config.shell ?? undefined,
  };
}

/** Fields of a container's configuration that clients before 1.50 find, always empty, in an image's. */
function containerOnlyFields() {
  return {
    Hostname: '',
    Domainname: '',
    AttachStdin: false,
    AttachStdout: false,
    AttachStderr: false,
    Tty: false,
    OpenStdin: false,
    StdinOnce: false,
    Image: '',
  };
}

function emptyContainerConfig() {
  return {
    ...containerOnlyFields(),
    User: '',
    Env: null,
    Cmd: null,
    Volumes: null,
    WorkingDir: '',
    Entrypoint: null,
    OnBuild: null,
    Labels: null,
  };
}
