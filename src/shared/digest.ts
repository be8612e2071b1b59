import { createHash } from 'node:crypto';

const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** Whether the text is a complete sha256 digest in canonical form, `sha256:<64 hex>`. */
export function isDigest(text: string): boolean {
  return DIGEST.test(text);
}

/** The digest of bytes in memory. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The part after the algorithm. */
export function digestHex(digest: string): string {
  return digest.slice(digest.indexOf(':') + 1);
}

/** The 12 hex digits by which people name images and layers. */
export function shortDigest(digest: string): string {
  return digestHex(digest).slice(0, 12);
}
