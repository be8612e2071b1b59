import { posix } from 'node:path';
import { errorMessage, invalid, type WharfError } from '../../shared/errors.js';
import type { MountSpec } from './container-config.js';
import { plainMount, readOnlyBelow, type PlannedMount } from './planned-mount.js';

const PROPAGATIONS = ['', 'private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'];
const TMPFS_FLAGS = ['exec', 'noexec'];

/** A path as mounts are compared by: absolute, without `..`, without a slash at the end. */
export function cleanDestination(path: string): string {
  const clean = posix.normalize(path);
  return clean.length > 1 && clean.endsWith('/') ? clean.slice(0, -1) : clean;
}

/** Throws invalid when it is no place for a mount. */
export function checkDestination(destination: string): void {
  if (!posix.isAbsolute(destination)) {
    throw invalid(`invalid mount path: '${destination}' mount path must be absolute`);
  }
  if (cleanDestination(destination) === '/') throw invalid("invalid specification: destination can't be '/'");
}

/**
 * One entry of `HostConfig.Mounts` as a plan; volumes are not created and paths not looked at yet. An anonymous volume
 * has no name. Throws invalid in dockerd's words. Source: dockerd 28.5.
 */
export function planMount(spec: MountSpec): PlannedMount {
  const fail = (text: string): WharfError => invalid(`invalid mount config for type "${spec.type}": ${text}`);
  if (spec.target === '') throw fail('field Target must not be empty');
  const isKnown = ['bind', 'volume', 'tmpfs', 'image'].includes(spec.type);
  if (!isKnown) throw fail('mount type unknown');
  checkOptionFields(spec, fail);
  try {
    checkDestination(spec.target);
  } catch (error) {
    throw fail(errorMessage(error));
  }
  const destination = cleanDestination(spec.target);
  switch (spec.type) {
    case 'bind':
      return planBind(spec, destination, fail);
    case 'volume':
      return planVolume(spec, destination, fail);
    case 'image':
      return planImage(spec, destination, fail);
    default:
      return planTmpfs(spec, destination, fail);
  }
}

/**
 * What a start refuses of the options of binds that create takes. Throws invalid in dockerd's words. Source: dockerd 28.5, which also only
 * looks at a start.
 */
export function checkReadOnlyOptions(specs: readonly MountSpec[]): void {
  for (const { readOnly, bindOptions } of specs) {
    if (!bindOptions?.readOnlyForceRecursive) continue;
    const conflict = (what: string): WharfError => invalid(`mount options conflict: ${what}`);
    if (!readOnly) throw conflict('!ReadOnly && BindOptions.ReadOnlyForceRecursive');
    if (bindOptions.readOnlyNonRecursive) {
      throw conflict('ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive');
    }
  }
}

/** Clients from 1.42 on hear of the first three earlier, from `compat/create-container.ts`. */
function checkOptionFields({ type, ...spec }: MountSpec, fail: Fail): void {
  const wrong = (name: string): WharfError => fail(`field ${name} must not be specified`);
  if (spec.bindOptions && type !== 'bind') throw wrong('BindOptions');
  if (spec.volumeOptions && type !== 'volume') throw wrong('VolumeOptions');
  if (spec.tmpfsOptions && type !== 'tmpfs') throw wrong('TmpfsOptions');
  if (spec.imageOptions && type !== 'image') throw wrong('ImageOptions');
}

type Fail = (text: string) => WharfError;

function planBind(spec: MountSpec, destination: string, fail: Fail): PlannedMount {
  if (spec.source === '') throw fail('field Source must not be empty');
  if (!posix.isAbsolute(spec.source)) throw fail(`invalid mount path: '${spec.source}' mount path must be absolute`);
  const options = spec.bindOptions;
  if (!PROPAGATIONS.includes(options?.propagation ?? '')) {
    throw fail(`invalid propagation mode: ${options?.propagation}`);
  }
  return plainMount('bind', destination, {
    source: cleanDestination(spec.source),
    readOnly: spec.readOnly,
    propagation: options?.propagation ?? '',
    nonRecursive: options?.nonRecursive ?? false,
    readOnlyBelow: readOnlyBelow(options),
    createSource: options?.createMountpoint ?? false,
  });
}

function planVolume(spec: MountSpec, destination: string, fail: Fail): PlannedMount {
  const options = spec.volumeOptions;
  const subpath = options?.subpath ?? '';
  if (subpath !== '') {
    if (spec.source === '') throw fail('must not set Subpath when using anonymous volumes');
    if (!isLocalPath(subpath)) throw fail('subpath must be a relative path within the volume');
  }
  return plainMount('volume', destination, {
    name: spec.source,
    driver: options?.driverConfig?.name ?? '',
    mode: 'z',
    readOnly: spec.readOnly,
    subpath,
    copyUp: !options?.noCopy,
  });
}

function planImage(spec: MountSpec, destination: string, fail: Fail): PlannedMount {
  if (spec.source === '') throw fail('field Source must not be empty');
  const subpath = spec.imageOptions?.subpath ?? '';
  if (subpath !== '' && !isLocalPath(subpath)) throw fail('subpath must be a relative path within the volume');
  return plainMount('image', destination, {
    name: spec.source,
    readOnly: true,
    propagation: 'rprivate',
    subpath,
  });
}

function planTmpfs(spec: MountSpec, destination: string, fail: Fail): PlannedMount {
  if (spec.source !== '') throw fail('field Source must not be specified');
  const options = spec.tmpfsOptions;
  for (const option of options?.options ?? []) {
    if (option.length === 0 || option.length > 2) throw fail('invalid option array length');
    if (!TMPFS_FLAGS.includes(option[0] ?? '')) throw fail(`invalid option: ${option[0]}`);
  }
  const flags = (options?.options ?? []).map((pair) => pair.join('='));
  return plainMount('tmpfs', destination, {
    readOnly: spec.readOnly,
    options: [
      ...(options?.sizeBytes ? [`size=${options.sizeBytes}`] : []),
      ...(options?.mode ? [`mode=${options.mode.toString(8)}`] : []),
      ...flags,
    ],
  });
}

/** A relative path that stays below where it starts. */
function isLocalPath(path: string): boolean {
  const clean = posix.normalize(path);
  return !posix.isAbsolute(path) && clean !== '..' && !clean.startsWith('../');
}
