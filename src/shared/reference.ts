import { invalid } from './errors.js';

/**
 * An image reference in normal form: `busybox` is `docker.io`, `library/busybox`. `tag` and `digest` are '' when not
 * given. Source: the grammar that every Docker tool shares (distribution/reference).
 */
export interface Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag: string;
  readonly digest: string;
}

export const DEFAULT_DOMAIN = 'docker.io';
const LEGACY_DEFAULT_DOMAIN = 'index.docker.io';
const OFFICIAL_PREFIX = 'library/';
export const DEFAULT_TAG = 'latest';
const NAME_MAX = 255;

const DOMAIN_COMPONENT = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const DOMAIN = `(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`;
const PATH_COMPONENT = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const PATH = `${PATH_COMPONENT}(?:/${PATH_COMPONENT})*`;
const TAG = '[\\w][\\w.-]{0,127}';
const DIGEST = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const REFERENCE = new RegExp(`^(${DOMAIN})/(${PATH})(?::(${TAG}))?(?:@(${DIGEST}))?$`);
const TAG_ONLY = new RegExp(`^${TAG}$`);
const IDENTIFIER = /^[a-f0-9]{64}$/;
const SHA256_DIGEST = /^sha256:[a-f0-9]{64}$/;

function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf('/');
  const first = text.slice(0, Math.max(slash, 0));
  const isHost = slash !== -1 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  let domain = isHost ? first : DEFAULT_DOMAIN;
  let remainder = isHost ? text.slice(slash + 1) : text;
  if (domain === LEGACY_DEFAULT_DOMAIN) domain = DEFAULT_DOMAIN;
  if (domain === DEFAULT_DOMAIN && !remainder.includes('/')) remainder = OFFICIAL_PREFIX + remainder;
  return { domain, remainder };
}

/** Parses what a user typed. Throws invalid with dockerd's `invalid reference format…`. Does not add a tag. */
export function parseReference(text: string): Reference {
  if (IDENTIFIER.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const { domain, remainder } = splitDomain(text);
  const colon = remainder.indexOf(':');
  const remoteName = colon === -1 ? remainder : remainder.slice(0, colon);
  if (remoteName.toLowerCase() !== remoteName) {
    throw invalid(`invalid reference format: repository name (${remoteName}) must be lowercase`);
  }
  const match = REFERENCE.exec(`${domain}/${remainder}`);
  if (!match) throw invalid('invalid reference format');
  const path = match[2] ?? '';
  const digest = match[4] ?? '';
  if (domain.length + 1 + path.length > NAME_MAX) {
    throw invalid(`repository name must not be more than ${NAME_MAX} characters`);
  }
  if (digest !== '' && !SHA256_DIGEST.test(digest)) {
    throw invalid(digest.startsWith('sha256:') ? 'invalid reference format' : 'unsupported digest algorithm');
  }
  return { domain, path, tag: match[3] ?? '', digest };
}

/** The reference that `tag` (a tag or a digest; '' for none) makes of the repository. Throws invalid. */
export function withTagOrDigest(ref: Reference, tag: string): Reference {
  if (tag === '') return ref;
  if (SHA256_DIGEST.test(tag)) return { ...ref, tag: '', digest: tag };
  if (!TAG_ONLY.test(tag)) throw invalid('invalid tag format');
  return { ...ref, tag, digest: '' };
}

/** As withTagOrDigest, for names that are given: a digest can't be. Throws invalid. */
export function withTag(ref: Reference, tag: string): Reference {
  if (tag === '') return ref;
  if (!TAG_ONLY.test(tag)) throw invalid('invalid tag format');
  return { ...ref, tag, digest: '' };
}

/** The same with `latest` if it names neither a tag nor a digest. */
export function withDefaultTag(ref: Reference): Reference {
  return ref.tag === '' && ref.digest === '' ? { ...ref, tag: DEFAULT_TAG } : ref;
}

/** `docker.io/library/busybox`: the repository, in full. */
export function repositoryName(ref: Reference): string {
  return `${ref.domain}/${ref.path}`;
}

/** `busybox`: the repository as people see it. */
export function familiarName(ref: Reference): string {
  if (ref.domain !== DEFAULT_DOMAIN) return repositoryName(ref);
  const rest = ref.path.slice(OFFICIAL_PREFIX.length);
  return ref.path.startsWith(OFFICIAL_PREFIX) && !rest.includes('/') ? rest : ref.path;
}

function suffix(ref: Reference): string {
  if (ref.digest !== '') return `@${ref.digest}`;
  return ref.tag === '' ? '' : `:${ref.tag}`;
}

/** `busybox:latest`, or `busybox@sha256:…`: a digest, being exact, leaves the tag out. */
export function familiarString(ref: Reference): string {
  return familiarName(ref) + suffix(ref);
}

/** `docker.io/library/busybox:latest`: as the store keys it. */
export function canonicalString(ref: Reference): string {
  return repositoryName(ref) + suffix(ref);
}

/** The image id that the text is in full (`<64 hex>` or `sha256:<64 hex>`), with its algorithm; null: it is not one. */
export function parseImageId(text: string): string | null {
  if (SHA256_DIGEST.test(text)) return text;
  return IDENTIFIER.test(text) ? `sha256:${text}` : null;
}
