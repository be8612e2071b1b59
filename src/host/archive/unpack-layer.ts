import type { Readable } from 'node:stream';
import { submitArchiveJob } from './archive-workers.js';
import type { IdMap } from './id-map.js';
import type { PackArguments } from './jobs/pack-job.js';
import type { UnpackedLayer } from './jobs/unpack-layer-job.js';

export type { UnpackedLayer };

export interface UnpackLayerOptions {
  /** Refuses an archive with another digest; the check comes last, so unpack into a directory that can be thrown away. */
  expectedDiffId?: string;
  signal?: AbortSignal;
  /** Bytes of the source consumed so far. */
  onProgress?: (bytes: number) => void;
  /** Refuses an archive that inflates to more. */
  maxBytes?: number;
  /** Where the uncompressed archive is written too; the path must be free. */
  keepAt?: string;
  idMap?: IdMap;
}

/** A stream or file with the archive, or an overlay's upper directory, whose changes are packed and become the layer. */
export type LayerSource = Readable | { path: string } | { upper: string };

/**
 * Unpacks a layer's archive (plain, gzip, zstd, bzip2 or xz) into an existing, empty directory, in the form that overlayfs takes
 * as a lower layer. When the promise resolves the layer is on disk. The archive is taken as hostile: nothing outside of the directory is read or written. Runs on a worker thread;
 * a source stream is consumed, and destroyed when unpacking fails.
 *
 * Rejects with ArchiveError in dockerd's words (`unexpected EOF`, `archive/tar: invalid tar header`, `invalid entry name "../x"`,
 * `write /x: no space left on device` with `code` ENOSPC), or with the signal's reason. What was written until then stays: the caller
 * removes the directory.
 */
export function unpackLayer(
  source: LayerSource,
  targetDirectory: string,
  options: UnpackLayerOptions = {},
): Promise<UnpackedLayer> {
  const isStream = 'pipe' in source;
  const args = {
    source: isStream ? null : 'path' in source ? source.path : packOf(source.upper),
    targetDirectory,
    keepAt: options.keepAt ?? null,
    expectedDiffId: options.expectedDiffId ?? null,
    maxBytes: options.maxBytes ?? null,
    idMap: options.idMap ?? null,
  };
  return submitArchiveJob('unpack-layer', args, {
    input: isStream ? source : undefined,
    signal: options.signal,
    onProgress: options.onProgress,
  });
}

/** What a container changed, as an image layer has it. */
function packOf(upper: string): PackArguments {
  return { root: upper, path: '', name: '', layer: true, idMap: null };
}
