import { Type } from './type.js';
import type { Volume } from '../../engine/volumes/volume.js';
import { Text, TextMap } from './wire.js';

export const CreateVolumeSchema = Type.Object(
  {
    Name: Text,
    Driver: Text,
    DriverOpts: TextMap,
    Labels: TextMap,
    ClusterVolumeSpec: Type.Optional(Type.Unknown()),
  },
  { goType: 'CreateOptions' },
);

export function fromVolume(volume: Volume) {
  return {
    CreatedAt: volume.createdAt,
    Driver: volume.driver,
    Labels: Object.keys(volume.labels).length > 0 ? volume.labels : null,
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: Object.keys(volume.options).length > 0 ? volume.options : null,
    Scope: volume.scope,
  };
}
