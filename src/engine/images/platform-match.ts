import { notFound } from '../../shared/errors.js';
import { formatPlatform, parsePlatform, platformScore } from '../../shared/platform.js';
import type { Image } from './image.js';

/** What to say of an image that is not for the wanted platform; null: it is, or none was asked for. */
export function platformMismatch(image: Image, ref: string, platform: string | undefined): string | null {
  if (platform === undefined || platform === '') return null;
  const wanted = parsePlatform(platform);
  if (platformScore(wanted, image.platform) > 0) return null;
  return (
    `image with reference ${ref} was found but its platform (${formatPlatform(image.platform)}) ` +
    `does not match the specified platform (${formatPlatform(wanted)})`
  );
}

/** Throws not-found for an image that is not for the wanted platform. */
export function requirePlatform(image: Image, ref: string, platform: string | undefined): void {
  const mismatch = platformMismatch(image, ref, platform);
  if (mismatch !== null) throw notFound(mismatch);
}
