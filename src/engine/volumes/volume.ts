import type { Filters } from '../containers/container.js';

export interface Volume {
  name: string;
  driver: string;
  mountpoint: string;
  createdAt: string;
  labels: Record<string, string>;
  options: Record<string, string>;
  scope: 'local' | 'global';
  /** Made without a name. */
  anonymous: boolean;
}

/** How a container uses a volume. */
export interface VolumeUse {
  destination: string;
  rw: boolean;
  propagation: string;
}

/** Named and anonymous volumes. An unknown one is not-found `get x: no such volume`. */
export interface VolumeService {
  /** Idempotent for the same name and driver; '' makes an anonymous one (64 hex). */
  create(request: {
    name: string;
    driver: string;
    driverOpts: Record<string, string>;
    labels: Record<string, string>;
  }): Promise<Volume>;
  inspect(name: string): Volume;
  list(filters: Filters): { volumes: Volume[]; warnings: string[] };
  /** Conflict while containers use it. `force` makes an unknown one no error. */
  remove(name: string, force: boolean): Promise<void>;
  prune(filters: Filters): Promise<{ deleted: string[]; spaceReclaimedBytes: number }>;
  /**
   * Mounts it for a container if its driver needs that, and returns the host path; again is fine. `use` is what the
   * `mount` event tells; without it there is no event, nor one for the unmount (a copy at create, an adoption at boot).
   */
  mount(name: string, containerId: string, use?: VolumeUse): Promise<string>;
  /** Gives the mount back; idempotent. */
  unmount(name: string, containerId: string): Promise<void>;
  /** Tells the events of a use that needs no mount of its own, such as a copy; never throws. */
  tellUse(action: 'mount' | 'unmount', name: string, containerId: string, use?: VolumeUse): void;
  /** A container that exists (running or not) uses the volume: it can't be removed. */
  reference(name: string, containerId: string): void;
  unreference(name: string, containerId: string): void;
  usage(): Promise<{ volume: Volume; sizeBytes: number; refCount: number }[]>;
}
