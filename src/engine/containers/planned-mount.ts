import type { BindOptions, MountPropagation } from './container-config.js';
import type { MountPoint } from './container.js';

/**
 * One mount as create decided it: what inspect shows, and what a start has to know on top of that. Kept by the store, so
 * that every start of the container mounts the same.
 */
export interface PlannedMount {
  type: 'bind' | 'volume' | 'tmpfs' | 'image';
  /** Volume name or image reference; '' for others. */
  name: string;
  /** The image that `name` meant when the container was made; images only. */
  imageId?: string;
  /** Host path; '' for tmpfs. */
  source: string;
  destination: string;
  driver: string;
  mode: string;
  readOnly: boolean;
  propagation: MountPropagation;
  /** The client asked for no propagation; a start may choose another one. */
  isDefaultPropagation?: boolean;
  nonRecursive: boolean;
  /** How far a read-only bind reaches below: as far as the kernel can, not at all, or entirely or not at all. */
  readOnlyBelow: 'if-possible' | 'never' | 'force';
  /** Path below the volume's root; '' for all of it. */
  subpath: string;
  /** Fill an empty volume with what the image has at the destination. */
  copyUp: boolean;
  /** Mount options of a tmpfs. */
  options: string[];
  /** Make the source directory when it is missing, at every start. */
  createSource: boolean;
  /** From `HostConfig.Tmpfs`: mounted, but not listed by inspect. */
  hidden: boolean;
}

/** A mount with nothing out of the ordinary. */
export function plainMount(
  type: PlannedMount['type'],
  destination: string,
  more: Partial<PlannedMount> = {},
): PlannedMount {
  return {
    type,
    name: '',
    source: '',
    destination,
    driver: '',
    mode: '',
    readOnly: false,
    propagation: '',
    nonRecursive: false,
    readOnlyBelow: 'if-possible',
    subpath: '',
    copyUp: false,
    options: [],
    createSource: false,
    hidden: false,
    ...more,
  };
}

/** How inspect and ps show the mounts of a plan. */
export function mountPoints(plan: readonly PlannedMount[]): MountPoint[] {
  return plan
    .filter((mount) => !mount.hidden)
    .map(({ type, name, source, destination, driver, mode, readOnly, propagation }) => ({
      type,
      name,
      source,
      destination,
      driver,
      mode,
      rw: !readOnly,
      propagation,
    }));
}

/** Which of the three a client's bind options mean. */
export function readOnlyBelow(options: BindOptions | null): PlannedMount['readOnlyBelow'] {
  if (options?.readOnlyNonRecursive) return 'never';
  return options?.readOnlyForceRecursive ? 'force' : 'if-possible';
}
