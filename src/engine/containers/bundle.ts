import { closeSync, constants, lstatSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hasCode } from '../../shared/errors.js';

/** Where a bundle is, the specification in it, and the logs of those who work with it. */
interface BundleFiles {
  bundle: string;
  config: string;
  runtimeLog: string;
  shimLog: string;
}

/** Makes an empty bundle, whatever was there. */
export function makeBundle(files: BundleFiles): void {
  removeBundle(files);
  mkdirSync(files.bundle, { recursive: true, mode: 0o710 });
}

/** Puts the specification where the runtime reads it, in one step: a runtime may wait at a FIFO there. */
export function writeSpec({ config }: BundleFiles, json: string): void {
  const fresh = `${config}.new`;
  writeFileSync(fresh, json, { mode: 0o600 });
  renameSync(fresh, config);
}

/** Removes a bundle with all that is in it; none is fine. */
export function removeBundle(files: BundleFiles): void {
  releaseRuntime(files);
  rmSync(files.bundle, { recursive: true, force: true });
}

/** Removes from a bundle what a shim and a runtime have put into it that waited for the specification. */
export function emptyBundle(files: BundleFiles): void {
  releaseRuntime(files);
  for (const path of [files.config, files.runtimeLog, files.shimLog]) rmSync(path, { force: true });
}

/** A runtime that waits for its specification, with nobody left to give it one, reads an empty one and ends with an error. */
function releaseRuntime({ config }: BundleFiles): void {
  if (!lstatSync(config, { throwIfNoEntry: false })?.isFIFO()) return;
  try {
    closeSync(openSync(config, constants.O_WRONLY | constants.O_NONBLOCK));
  } catch (error) {
    // nobody waits there
    if (!hasCode(error, 'ENXIO', 'ENOENT')) throw error;
  }
}
