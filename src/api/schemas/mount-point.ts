import type { MountPoint } from '../../engine/containers/container.js';
import { omitZero } from './wire.js';

/** One entry of `Mounts` in inspect and in the list. */
export function fromMountPoint(mount: MountPoint) {
  return {
    Type: mount.type,
    Name: omitZero(mount.name),
    Source: mount.source,
    Destination: mount.destination,
    Driver: omitZero(mount.driver),
    Mode: mount.mode,
    RW: mount.rw,
    Propagation: mount.propagation,
  };
}
