import { internal } from '../../shared/errors.js';

/** `name`, `name:alias`, or as inspect shows it: `/name:/parent/alias`. Throws in dockerd's words. */
export function parseLink(text: string): { ref: string; alias: string } {
  if (text === '') throw internal('empty string specified for links');
  const parts = text.split(':');
  if (parts.length > 2) throw internal(`bad format for links: ${text}`);
  const [ref = '', alias] = parts;
  if (alias === undefined) return { ref, alias: ref.slice(ref.lastIndexOf('/') + 1) };
  return { ref: ref.replace(/^\//, ''), alias: alias.slice(alias.lastIndexOf('/') + 1) };
}

/** The two parts of `/parent/alias`, by which a linked container can be named as well; null for any other name. */
export function parseLinkName(name: string): { parentName: string; alias: string } | null {
  const match = /^\/?([^/]+)\/([^/]+)$/.exec(name);
  return match && { parentName: match[1] ?? '', alias: match[2] ?? '' };
}
