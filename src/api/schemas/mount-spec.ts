import type { Static } from 'typebox';
import { Type } from './type.js';
import type {
  BindOptions,
  MountPropagation,
  MountSpec,
  TmpfsOptions,
  VolumeOptions,
} from '../../engine/containers/container-config.js';
import { invalid } from '../../shared/errors.js';
import { Flag, Int64, omitEmptyMap, omitZero, Text, TextMap, Uint32 } from './wire.js';

const PROPAGATIONS: readonly string[] = ['', 'private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];

/** One entry of `HostConfig.Mounts`. */
export const MountSpecSchema = Type.Object({
  Type: Text,
  Source: Text,
  Target: Text,
  ReadOnly: Flag,
  Consistency: Text,
  BindOptions: Type.Optional(
    Type.Object({
      Propagation: Text,
      NonRecursive: Flag,
      CreateMountpoint: Flag,
      ReadOnlyNonRecursive: Flag,
      ReadOnlyForceRecursive: Flag,
    }),
  ),
  VolumeOptions: Type.Optional(
    Type.Object({
      NoCopy: Flag,
      Labels: TextMap,
      Subpath: Text,
      DriverConfig: Type.Optional(Type.Object({ Name: Text, Options: TextMap })),
    }),
  ),
  ImageOptions: Type.Optional(Type.Object({ Subpath: Text })),
  TmpfsOptions: Type.Optional(
    Type.Object({
      SizeBytes: Int64,
      Mode: Uint32,
      Options: Type.Optional(Type.Array(Type.Array(Type.String()))),
    }),
  ),
});

export type WireMountSpec = Static<typeof MountSpecSchema>;

/** Only shapes are settled here; create checks what fits together. Throws invalid on an unknown propagation. */
export function toMountSpec(wire: WireMountSpec): MountSpec {
  return {
    type: wire.Type ?? '',
    source: wire.Source ?? '',
    target: wire.Target ?? '',
    readOnly: wire.ReadOnly ?? false,
    consistency: wire.Consistency ?? '',
    bindOptions: wire.BindOptions ? toBindOptions(wire.BindOptions, wire.Type ?? '') : null,
    volumeOptions: wire.VolumeOptions ? toVolumeOptions(wire.VolumeOptions) : null,
    tmpfsOptions: wire.TmpfsOptions ? toTmpfsOptions(wire.TmpfsOptions) : null,
    imageOptions: wire.ImageOptions ? { subpath: wire.ImageOptions.Subpath ?? '' } : null,
  };
}

function toBindOptions(wire: NonNullable<WireMountSpec['BindOptions']>, type: string): BindOptions {
  const propagation = wire.Propagation ?? '';
  if (!PROPAGATIONS.includes(propagation)) {
    throw invalid(`invalid mount config for type "${type}": invalid propagation mode: ${propagation}`);
  }
  return {
    propagation: propagation as MountPropagation,
    nonRecursive: wire.NonRecursive ?? false,
    createMountpoint: wire.CreateMountpoint ?? false,
    readOnlyNonRecursive: wire.ReadOnlyNonRecursive ?? false,
    readOnlyForceRecursive: wire.ReadOnlyForceRecursive ?? false,
  };
}

function toVolumeOptions(wire: NonNullable<WireMountSpec['VolumeOptions']>): VolumeOptions {
  const driver = wire.DriverConfig;
  return {
    noCopy: wire.NoCopy ?? false,
    labels: wire.Labels ?? {},
    driverConfig: driver ? { name: driver.Name ?? '', options: driver.Options ?? {} } : null,
    subpath: wire.Subpath ?? '',
  };
}

function toTmpfsOptions(wire: NonNullable<WireMountSpec['TmpfsOptions']>): TmpfsOptions {
  return {
    sizeBytes: wire.SizeBytes ?? 0,
    mode: wire.Mode ?? 0,
    options: (wire.Options ?? []).map((pair) => (pair ?? []).map((part) => part ?? '')),
  };
}

export function fromMountSpec(mount: MountSpec) {
  const { bindOptions: bind, volumeOptions: volume, tmpfsOptions: tmpfs, imageOptions: image } = mount;
  return {
    Type: omitZero(mount.type),
    Source: omitZero(mount.source),
    Target: omitZero(mount.target),
    ReadOnly: omitZero(mount.readOnly),
    Consistency: omitZero(mount.consistency),
    BindOptions: bind ? fromBindOptions(bind) : undefined,
    VolumeOptions: volume ? fromVolumeOptions(volume) : undefined,
    ImageOptions: image ? { Subpath: omitZero(image.subpath) } : undefined,
    TmpfsOptions: tmpfs
      ? { SizeBytes: omitZero(tmpfs.sizeBytes), Mode: omitZero(tmpfs.mode), Options: omitZero(tmpfs.options) }
      : undefined,
  };
}

function fromBindOptions(bind: BindOptions): WireMountSpec['BindOptions'] {
  return {
    Propagation: omitZero(bind.propagation),
    NonRecursive: omitZero(bind.nonRecursive),
    CreateMountpoint: omitZero(bind.createMountpoint),
    ReadOnlyNonRecursive: omitZero(bind.readOnlyNonRecursive),
    ReadOnlyForceRecursive: omitZero(bind.readOnlyForceRecursive),
  };
}

function fromVolumeOptions(volume: VolumeOptions): WireMountSpec['VolumeOptions'] {
  const driver = volume.driverConfig;
  return {
    NoCopy: omitZero(volume.noCopy),
    Labels: omitEmptyMap(volume.labels),
    Subpath: omitZero(volume.subpath),
    DriverConfig: driver ? { Name: omitZero(driver.name), Options: omitEmptyMap(driver.options) } : undefined,
  };
}
