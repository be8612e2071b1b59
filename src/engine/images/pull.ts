import { errorKind, forbidden, notFound, WharfError } from '../../shared/errors.js';
import {
  hostPlatform,
  parsePlatform,
  formatPlatform,
  platformScore,
  type PlatformSpec,
} from '../../shared/platform.js';
import {
  canonicalString,
  DEFAULT_DOMAIN,
  familiarName,
  familiarString,
  parseReference,
  withDefaultTag,
  withTagOrDigest,
  type Reference,
} from '../../shared/reference.js';
import type { RegistryClient, ServedManifest } from '../../host/registry/registry-client.js';
import { RegistryError } from '../../host/registry/registry-error.js';
import { emitTransferEvent, type ImageContext } from './image-context.js';
import type { ProgressSink, RegistryCredentials } from './image-service.js';
import { choosePlatform, parseManifest } from './manifest.js';
import { pullAttestations } from './pull-attestations.js';
import { pullImage } from './pull-image.js';

export interface PullOptions {
  fromImage: string;
  tag: string;
  allTags: boolean;
  platform: string;
  credentials: RegistryCredentials | null;
}

/** Pulls an image, or with `allTags` every tag of a repository. Nothing of an image is kept unless it is complete. */
export async function pull(
  context: ImageContext,
  options: PullOptions,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<void> {
  const reference = withTagOrDigest(parseReference(options.fromImage), options.tag);
  if (reference.domain === DEFAULT_DOMAIN && reference.path === 'library/scratch') {
    throw forbidden("'scratch' is a reserved name");
  }
  const wanted = options.platform === '' ? null : parsePlatform(options.platform);
  const clients = context.registries.clients(reference.domain, reference.path, options.credentials, 'pull');
  const isAll = options.allTags && reference.tag === '' && reference.digest === '';
  let changed = false;
  for (const one of isAll ? await allTags(context, clients, reference, signal) : [withDefaultTag(reference)]) {
    changed = (await pullReference(context, clients, one, wanted, progress, signal)) || changed;
  }
  const named = isAll ? reference : withDefaultTag(reference);
  const status = changed ? 'Downloaded newer image for' : 'Image is up to date for';
  progress({ status: `Status: ${status} ${familiarString(named)}` });
  if (wanted && !isAll) warnOfPlatform(context, named, wanted, progress);
  emitTransferEvent(context, 'pull', named);
}

/** An image without an index is taken as it is, whatever platform was asked for. */
function warnOfPlatform(
  context: ImageContext,
  reference: Reference,
  wanted: PlatformSpec,
  progress: ProgressSink,
): void {
  const image = context.store.get(context.store.resolve(canonicalString(reference)) ?? '');
  if (!image || platformScore(wanted, image.platform) !== 0) return;
  progress({
    status:
      `WARNING: image with reference ${familiarString(reference)} was found but its platform ` +
      `(${formatPlatform(image.platform)}) does not match the specified platform (${formatPlatform(wanted)})`,
  });
}

async function allTags(
  context: ImageContext,
  clients: RegistryClient[],
  reference: Reference,
  signal: AbortSignal,
): Promise<Reference[]> {
  const tags = await context.registries.firstWorking(clients, async (client) => {
    await client.ping(signal);
    return translate(reference, () => client.tags(signal));
  });
  return tags.map((tag) => withTagOrDigest(reference, tag));
}

/** Whether the name points to another image than before. */
async function pullReference(
  context: ImageContext,
  clients: RegistryClient[],
  reference: Reference,
  wanted: PlatformSpec | null,
  progress: ProgressSink,
  signal: AbortSignal,
): Promise<boolean> {
  const { client, served } = await context.registries.firstWorking(clients, async (candidate) => {
    await candidate.ping(signal);
    const asked = reference.digest === '' ? reference.tag : reference.digest;
    const found = await translate(reference, () => candidate.manifest(asked, signal));
    return { client: candidate, served: found };
  });
  const id = reference.digest === '' ? reference.tag : familiarString(reference);
  progress({ status: `Pulling from ${reference.path}`, id });
  const chosen = await chooseManifest(client, served, wanted ?? hostPlatform(), signal);
  const image = await pullImage(context, client, { served, ...chosen }, progress, signal);
  progress({ status: `Digest: ${served.digest}` });
  const changed = nameIt(context, reference, served.digest, image.id);
  const index = parseManifest(served.bytes, served.mediaType);
  await pullAttestations(context, client, { index, chosenDigest: chosen.manifest.digest, imageId: image.id }, signal);
  return changed;
}

async function chooseManifest(
  client: RegistryClient,
  served: ServedManifest,
  wanted: PlatformSpec,
  signal: AbortSignal,
): Promise<{ manifest: ServedManifest; parsed: ReturnType<typeof parseManifest> & { kind: 'image' } }> {
  const parsed = parseManifest(served.bytes, served.mediaType);
  if (parsed.kind === 'image') return { manifest: served, parsed };
  const chosen = choosePlatform(parsed.manifests, wanted);
  const manifest = await client.manifest(chosen.digest, signal);
  const inner = parseManifest(manifest.bytes, manifest.mediaType);
  // An index in an index: nobody serves them for images, and following them could go on for ever.
  if (inner.kind !== 'image') throw notFound(`no image manifest at ${chosen.digest}`);
  return { manifest, parsed: inner };
}

function nameIt(context: ImageContext, reference: Reference, digest: string, imageId: string): boolean {
  const { store } = context;
  const byDigest: Reference = { ...reference, tag: '', digest };
  const names = reference.digest === '' ? [reference, byDigest] : [byDigest];
  const changed = names.filter((name) => store.resolve(canonicalString(name)) !== imageId);
  if (changed.length > 0) store.setReferences(changed, imageId, false);
  return changed.some((name) => name === (reference.digest === '' ? reference : byDigest));
}

/** Words a registry's refusal as dockerd does. */
async function translate<T>(reference: Reference, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    if (error.code === 'DENIED') {
      throw notFound(
        `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': ` +
          error.message,
        error,
      );
    }
    if (error.code === 'MANIFEST_UNKNOWN' || (error.code === 'NOT_FOUND' && errorKind(error) === 'not-found')) {
      throw notFound(`manifest for ${familiarString(reference)} not found: ${error.message}`, error);
    }
    if (error.code === 'NAME_UNKNOWN') {
      throw new WharfError('not-found', `repository ${familiarName(reference)} not found: ${error.message}`, {
        cause: error,
      });
    }
    throw error;
  }
}
