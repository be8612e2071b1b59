import type { ContainerService } from './containers/container-service.js';
import type { Events } from './events/event-bus.js';
import type { ExecService } from './exec/exec-service.js';
import type { ImageService } from './images/image-service.js';
import type { NetworkService } from './networks/network-service.js';
import type { SystemService } from './system/system-service.js';
import type { VolumeService } from './volumes/volume.js';

/** All that the API may call. */
export interface Engine {
  readonly containers: ContainerService;
  readonly exec: ExecService;
  readonly images: ImageService;
  readonly networks: NetworkService;
  readonly volumes: VolumeService;
  readonly events: Events;
  readonly system: SystemService;
}
