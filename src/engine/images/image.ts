import type { HealthConfig } from '../containers/container-config.js';

/** The `config` object of an OCI/Docker image configuration, in the engine's words. null: absent. */
export interface ImageRunConfig {
  user: string;
  exposedPorts: readonly string[];
  env: readonly string[];
  cmd: readonly string[] | null;
  entrypoint: readonly string[] | null;
  volumes: readonly string[];
  workingDir: string;
  labels: Record<string, string>;
  stopSignal: string;
  healthcheck: HealthConfig | null;
  onBuild: readonly string[] | null;
  shell: readonly string[] | null;
  argsEscaped: boolean;
}

export interface ImageHistoryEntry {
  created: string;
  createdBy: string;
  author: string;
  comment: string;
  emptyLayer: boolean;
}

export interface Platform {
  os: string;
  architecture: string;
  variant: string;
  osVersion: string;
}

export interface Descriptor {
  mediaType: string;
  digest: string;
  sizeBytes: number;
  annotations?: Record<string, string>;
  platform?: Platform;
}

/** One image. `id` is the digest of its configuration blob, `sha256:…`. */
export interface Image {
  id: string;
  /** '' : none. */
  parentId: string;
  created: string;
  author: string;
  comment: string;
  dockerVersion: string;
  platform: Platform;
  config: ImageRunConfig;
  diffIds: readonly string[];
  /** Chain ID of each layer, bottom first; the last names the unpacked stack. */
  chainIds: readonly string[];
  history: readonly ImageHistoryEntry[];
  /** Unpacked size of all layers. */
  sizeBytes: number;
  /** Familiar references, `busybox:latest`. */
  repoTags: readonly string[];
  /** Familiar digests, `busybox@sha256:…`. */
  repoDigests: readonly string[];
  /** Manifest (or index) as served or made, if one is kept. */
  descriptor: Descriptor | null;
  lastTagTime: string | null;
}

/** A manifest of an image, as `docker images --tree` shows it. */
export interface ImageManifest {
  descriptor: Descriptor;
  kind: 'image' | 'attestation' | 'unknown';
  /** Whether all of it is here, so that a container can be made of it. */
  available: boolean;
  /** Of its blobs that are here. */
  contentBytes: number;
  unpackedBytes: number;
  platform: Platform;
  containerIds: readonly string[];
  /** Digest of the manifest that an attestation is about; '' for other kinds. */
  attestationFor: string;
}

/** An in-toto statement about an image. */
export interface AttestationStatement {
  descriptor: Descriptor;
  /** '' : it does not say. */
  predicateType: string;
  /** null: not asked for. */
  statement: object | null;
}

export interface ImageSummary {
  image: Image;
  /** -1: not asked for. */
  sharedSizeBytes: number;
  /** Containers made from it. */
  containers: number;
}

export interface ImageHistoryRow {
  id: string;
  createdUnixSec: number;
  createdBy: string;
  tags: readonly string[];
  sizeBytes: number;
  comment: string;
}

/** An entry of the answer to an image delete. */
export type ImageDeleteItem = { untagged: string } | { deleted: string };
