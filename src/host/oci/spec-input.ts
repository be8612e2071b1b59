import type { CdiEdits } from '../cdi/cdi-spec.js';

/** What the engine has decided about a container, complete and checked, ready to become an OCI runtime specification. */
export interface SpecInput {
  containerId: string;
  /** Absolute path of the mounted root file system. */
  rootfs: string;
  readonlyRootfs: boolean;
  args: string[];
  env: string[];
  cwd: string;
  user: ResolvedUser;
  tty: boolean;
  /** [height, width]; null: not known. */
  consoleSize: [number, number] | null;
  hostname: string;
  domainname: string;
  namespaces: NamespaceChoices;
  /** All mounts on top of the standard ones (/proc, /dev, /sys, …), sorted by the builder; a destination given here replaces the standard mount. */
  mounts: SpecMount[];
  shmSizeBytes: number;
  /** A host path to bind on /dev/shm (IPC shared with another container), or null for a private tmpfs. */
  shmPath: string | null;
  /** false: no /dev/shm at all. */
  hasShm?: boolean;
  privileged: boolean;
  capAdd: string[];
  capDrop: string[];
  /** Whether it certainly runs on this machine's kernel. */
  isOnHostKernel: boolean;
  seccomp: { kind: 'default' } | { kind: 'unconfined' } | { kind: 'profile'; json: string };
  /** '' : none. */
  appArmorProfile: string;
  processLabel: string;
  mountLabel: string;
  noNewPrivileges: boolean;
  /** null: default list (none when privileged). */
  maskedPaths: string[] | null;
  readonlyPaths: string[] | null;
  devices: { pathOnHost: string; pathInContainer: string; cgroupPermissions: string }[];
  deviceCgroupRules: string[];
  resources: SpecResources;
  /** `/docker/<id>` for cgroupfs; `system.slice:docker:<id>` for systemd. */
  cgroupsPath: string;
  cgroupVersion: 1 | 2;
  rlimits: { name: string; soft: number; hard: number }[];
  sysctls: Record<string, string>;
  /** null: leave it alone. */
  oomScoreAdj: number | null;
  annotations: Record<string, string>;
  /** Host path of the init binary to run as pid 1, or null. */
  initPath: string | null;
  /** What CDI devices add. */
  cdiEdits?: CdiEdits[];
  /** Control groups are mounted such that the container can change its own. */
  writableCgroups?: boolean;
}

export interface ResolvedUser {
  uid: number;
  gid: number;
  additionalGids: number[];
}

/** 'private': a new one; 'host': the host's; otherwise a path to join. */
export interface NamespaceChoices {
  pid: NamespaceChoice;
  ipc: NamespaceChoice;
  uts: NamespaceChoice;
  network: NamespaceChoice;
  cgroup: NamespaceChoice;
}

export type NamespaceChoice = 'private' | 'host' | { path: string };

export interface SpecMount {
  type: 'bind' | 'tmpfs';
  source: string;
  destination: string;
  readOnly: boolean;
  /** `rprivate`, `rslave`, …; '' for the default rprivate. */
  propagation: string;
  /** Do not bind what is mounted below the source. */
  nonRecursive: boolean;
  /** Read-only also for mounts below (kernel >= 5.12). */
  recursiveReadOnly: boolean;
  /** More mount options, e.g. `size=64m`, `noexec`. */
  options: string[];
}

/** 0, '' and null mean "not set". */
export interface SpecResources {
  memoryBytes: number;
  memorySwapBytes: number;
  memoryReservationBytes: number;
  memorySwappiness: number | null;
  oomKillDisable: boolean;
  cpuShares: number;
  cpuPeriod: number;
  cpuQuota: number;
  nanoCpus: number;
  cpuRealtimePeriod: number;
  cpuRealtimeRuntime: number;
  cpusetCpus: string;
  cpusetMems: string;
  pidsLimit: number | null;
  blkioWeight: number;
  blkioWeightDevice: { path: string; weight: number }[];
  blkioReadBps: { path: string; rate: number }[];
  blkioWriteBps: { path: string; rate: number }[];
  blkioReadIops: { path: string; rate: number }[];
  blkioWriteIops: { path: string; rate: number }[];
}
