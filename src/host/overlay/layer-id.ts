import { randomBytes } from 'node:crypto';

const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** RFC 4648; link names are as dockerd's: 26 characters, so that 127 layers fit into one page of mount options. */
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const LINK_LENGTH = 26;

/** The hex part of a digest, which names the layer's directory. Throws for anything else, so that it can't be a path. */
export function layerDirectoryName(chain: string): string {
  if (!DIGEST.test(chain)) throw new TypeError(`not a chain ID: ${chain}`);
  return chain.slice('sha256:'.length);
}

/** A random name for a link in `overlay2/l`. */
export function newLinkName(): string {
  return [...randomBytes(LINK_LENGTH)].map((byte) => BASE32[byte % 32]).join('');
}

export function isLinkName(name: string): boolean {
  return /^[A-Z2-7]{26}$/.test(name);
}
