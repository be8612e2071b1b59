import type { CompressArguments } from '../content/compress-job.js';
import type { DownloadArguments, DownloadResult } from '../registry/download-job.js';
import { changesJob, type ChangesArguments, type PathChange } from './jobs/changes-job.js';
import { diskUsageJob, type DiskUsageArguments } from './jobs/disk-usage-job.js';
import { extractJob, type ExtractArguments } from './jobs/extract-job.js';
import type { JobContext } from './jobs/job-context.js';
import { layoutJob, type LayoutFile } from './jobs/layout-job.js';
import { packJob, type PackArguments } from './jobs/pack-job.js';
import { removeTreeJob } from './jobs/remove-tree-job.js';
import { spoolArchiveJob, type SpoolArchiveArguments, type SpooledArchive } from './jobs/spool-archive-job.js';
import { unpackLayerJob, type UnpackedLayer, type UnpackLayerArguments } from './jobs/unpack-layer-job.js';

/** Arguments (plain data, they cross a thread) and result of every job. */
export interface ArchiveJobs {
  'unpack-layer': { args: UnpackLayerArguments; result: UnpackedLayer };
  pack: { args: PackArguments; result: null };
  layout: { args: { files: LayoutFile[] }; result: null };
  extract: { args: ExtractArguments; result: null };
  changes: { args: ChangesArguments; result: PathChange[] };
  'spool-archive': { args: SpoolArchiveArguments; result: SpooledArchive };
  'disk-usage': { args: DiskUsageArguments; result: number };
  'remove-tree': { args: { path: string }; result: null };
  'hash-file': { args: { path: string }; result: string };
  compress: { args: CompressArguments; result: { digest: string; sizeBytes: number } };
  download: { args: DownloadArguments; result: DownloadResult };
}

export type ArchiveJobName = keyof ArchiveJobs;

const jobs: {
  [Name in ArchiveJobName]: (
    args: ArchiveJobs[Name]['args'],
    context: JobContext,
  ) => Promise<ArchiveJobs[Name]['result']>;
} = {
  'unpack-layer': unpackLayerJob,
  pack: packJob,
  layout: layoutJob,
  extract: extractJob,
  changes: changesJob,
  'spool-archive': spoolArchiveJob,
  'disk-usage': diskUsageJob,
  'remove-tree': removeTreeJob,
  // Loaded when they are wanted: HTTP and TLS would be a burden for every other thread.
  'hash-file': async (args, context) => (await import('../content/hash-file-job.js')).hashFileJob(args, context),
  compress: async (args, context) => (await import('../content/compress-job.js')).compressJob(args, context),
  download: async (args, context) => (await import('../registry/download-job.js')).downloadJob(args, context),
};

/** Runs a job on the calling thread. */
export function runArchiveJob<Name extends ArchiveJobName>(
  name: Name,
  args: ArchiveJobs[Name]['args'],
  context: JobContext,
): Promise<ArchiveJobs[Name]['result']> {
  return jobs[name](args, context);
}
