import { existsSync } from 'node:fs';
import { posix } from 'node:path';
import { errnoOf } from '../archive/archive-error.js';
import { internal } from '../../shared/errors.js';
import { mount, MS } from '../sys/mount.js';
import { mountOverlay as mountLayers } from '../sys/overlay-mount.js';

/** Linux takes at most this many lower directories in one overlay (OVL_MAX_STACK). */
const MAX_LOWERS = 500;
const PAGE_BYTES = 4096;

/** An overlay mount, all paths relative to `base`. Without upper and work it is read-only. */
export interface OverlayMount {
  /** Directory that the relative paths start from: `<dataRoot>/overlay2`. */
  base: string;
  /** Topmost first. */
  lowers: string[];
  upper?: string;
  work?: string;
  /** Absolute. */
  target: string;
  /** Nothing of it has to survive a loss of power: no sync, neither for the programs in it nor at the end (kernels since 5.10). */
  isVolatile?: boolean;
}

/**
 * Mounts it with one system call. Options are absolute while they fit into the page that mount(2) takes, so that they read well in
 * /proc/mounts; else relative to `base`, which must be the working directory for the moment of the call.
 * Throws internal: `max depth exceeded` for too many layers, the reason when the file system can't carry an overlay's upper layer.
 */
export function mountOverlay(overlay: OverlayMount): void {
  if (overlay.lowers.length > MAX_LOWERS) throw internal('max depth exceeded');
  const flags = overlay.upper === undefined ? MS.RDONLY : 0;
  const absolute = options(overlay, (path) => posix.join(overlay.base, path));
  const relative = options(overlay, (path) => path);
  try {
    if (Buffer.byteLength(absolute) < PAGE_BYTES) mount('overlay', overlay.target, 'overlay', flags, absolute);
    else if (Buffer.byteLength(relative) < PAGE_BYTES) mountFrom(overlay.base, overlay.target, flags, relative);
    else mountMany(overlay);
  } catch (error) {
    throw explain(error, overlay);
  }
}

/** More than some 130 layers: only kernels since 6.5 take layers one by one. */
function mountMany(overlay: OverlayMount): void {
  const { base, lowers, upper, work, target } = overlay;
  const place = (path: string): string => posix.join(base, path);
  const upperDirs = upper === undefined || work === undefined ? null : { upperDir: place(upper), workDir: place(work) };
  mountLayers({ lowerDirs: lowers.map(place), upper: upperDirs, target, options: features(overlay) });
}

/** One synchronous stretch: nothing else of the process resolves a relative path meanwhile (we use none). */
function mountFrom(base: string, target: string, flags: number, data: string): void {
  const before = process.cwd();
  process.chdir(base);
  try {
    mount('overlay', target, 'overlay', flags, data);
  } finally {
    process.chdir(before);
  }
}

function options(overlay: OverlayMount, place: (path: string) => string): string {
  const paths = [`lowerdir=${overlay.lowers.map((path) => escape(place(path))).join(':')}`];
  if (overlay.upper !== undefined && overlay.work !== undefined) {
    paths.push(`upperdir=${escape(place(overlay.upper))}`, `workdir=${escape(place(overlay.work))}`);
  }
  return [...paths, ...features(overlay)].join(',');
}

/**
 * Distributions may switch these on for all overlays; then an upper directory alone would no longer say what a container changed, and a
 * layer could not be shared. Kernels without a parameter refuse its option. Source: Documentation/filesystems/overlayfs.
 */
const FEATURES = (['index', 'metacopy', 'redirect_dir'] as const)
  .filter((name) => existsSync(`/sys/module/overlay/parameters/${name}`))
  .map((name) => `${name}=off`);

function features({ isVolatile }: OverlayMount): string[] {
  return isVolatile ? [...FEATURES, 'volatile'] : FEATURES;
}

/** Commas and colons separate options and directories; the data-root may have them in its name. */
function escape(path: string): string {
  return path.replace(/[\\,:]/g, '\\$&');
}

function explain(error: unknown, overlay: OverlayMount): unknown {
  const code = errnoOf(error);
  if (code === null) return error;
  if (code === 'EINVAL' && overlay.upper !== undefined) {
    return internal(
      `error creating overlay mount to ${overlay.target}: invalid argument: the file system of ${overlay.base} ` +
        `can't hold the upper layer of an overlay (is it an overlay itself, or NFS?); choose another data-root`,
      error,
    );
  }
  if (code === 'ENODEV')
    return internal(`error creating overlay mount to ${overlay.target}: the kernel has no overlayfs`, error);
  return internal(`error creating overlay mount to ${overlay.target}: ${(error as Error).message}`, error);
}
