import type { Readable } from 'node:stream';
import type { Filters } from '../containers/container.js';
import type { AttestationOptions } from './attestations.js';
import type { Distribution } from './distribution.js';
import type { SearchResult } from './search.js';
import type {
  AttestationStatement,
  Image,
  ImageDeleteItem,
  ImageHistoryRow,
  ImageManifest,
  ImageSummary,
} from './image.js';

/** One progress message; the API writes it as a JSON line. Field names are the wire's in camelCase. */
export interface Progress {
  id?: string;
  status?: string;
  /** Text of a `stream` message. */
  stream?: string;
  progressDetail?: { current?: number; total?: number };
  aux?: object;
}

export type ProgressSink = (message: Progress) => void;

export interface RegistryCredentials {
  username: string;
  password: string;
  identityToken: string;
  registryToken: string;
  serverAddress: string;
}

/**
 * Images. `ref` is a reference, a short or full id, or a digest reference, as Docker parses them; an unknown one is
 * not-found `No such image: x:tag`. Long operations report through `progress`; an error thrown before the first
 * progress message becomes an HTTP status, one thrown after it an in-band error.
 */
export interface ImageService {
  list(options: { all: boolean; filters: Filters; sharedSize: boolean }): Promise<ImageSummary[]>;
  inspect(ref: string, platform?: string): Image;
  /** As inspect, but null when there is none. */
  find(ref: string, platform?: string): Image | null;
  graphDriver(image: Image): { name: string; data: Record<string, string> };
  /** The manifests that it came by, for other platforms too. */
  manifests(image: Image): Promise<ImageManifest[]>;
  /**
   * The image for a platform, '' for its own: also one that is kept with it because its index names it, and that is not unpacked
   * here. Not-found when there is none.
   */
  forPlatform(ref: string, platform: string): Promise<Image>;
  attestations(ref: string, options: AttestationOptions): Promise<AttestationStatement[]>;
  history(ref: string, platform?: string): Promise<ImageHistoryRow[]>;
  tag(ref: string, repo: string, tag: string): void;
  /** With `platforms`, only what is kept for these; an image that is for one of them itself goes as a whole. */
  remove(ref: string, options: { force: boolean; noPrune: boolean; platforms?: string[] }): Promise<ImageDeleteItem[]>;
  prune(filters: Filters): Promise<{ deleted: ImageDeleteItem[]; spaceReclaimedBytes: number }>;
  /** `tag` '' with `fromImage` without tag: `latest`; `allTags`: every tag. `tag` may be a digest. */
  pull(
    options: {
      fromImage: string;
      tag: string;
      allTags: boolean;
      platform: string;
      credentials: RegistryCredentials | null;
    },
    progress: ProgressSink,
    signal: AbortSignal,
  ): Promise<void>;
  push(
    options: { ref: string; tag: string; platform: string; credentials: RegistryCredentials | null },
    progress: ProgressSink,
    signal: AbortSignal,
  ): Promise<void>;
  /** `source` may be a URL; the message then tells it. */
  import(
    options: {
      source: Readable | string;
      repo: string;
      tag: string;
      message: string;
      changes: string[];
      platform: string;
    },
    progress: ProgressSink,
    signal: AbortSignal,
  ): Promise<string>;
  load(
    source: Readable,
    options: { quiet: boolean; platforms: string[] },
    progress: ProgressSink,
    signal: AbortSignal,
  ): Promise<void>;
  save(refs: string[], options: { platforms: string[] }, signal: AbortSignal): Promise<Readable>;
  /** What a registry has under a reference; nothing is pulled. */
  distribution(ref: string, credentials: RegistryCredentials | null, signal: AbortSignal): Promise<Distribution>;
  /** Repositories whose name or description has the term, at most `limit` (1 to 100) of them. */
  search(options: { term: string; limit: number; filters: Filters }, signal: AbortSignal): Promise<SearchResult[]>;
  /** Checks credentials against a registry. */
  login(credentials: RegistryCredentials): Promise<{ status: string; identityToken: string }>;
}
