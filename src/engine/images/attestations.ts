import { errorMessage, internal } from '../../shared/errors.js';
import { getImage } from './find.js';
import type { ImageContext } from './image-context.js';
import { imageRoots } from './image-root.js';
import { imageForPlatform } from './image-variant.js';
import type { AttestationStatement, Descriptor } from './image.js';
import { allManifests, attestedDigest, manifestWithConfig } from './manifest-tree.js';

/** A statement larger than this is not worth an answer. */
const MAX_STATEMENT_BYTES = 16 * 1024 * 1024;
const STATEMENT = 'application/vnd.in-toto+json';
const PREDICATE = 'in-toto.io/predicate-type';

export interface AttestationOptions {
  /** '' : the image's own. */
  platform: string;
  /** Predicate types; none: all. */
  types: readonly string[];
  withStatement: boolean;
}

/** What is attested of an image: the in-toto statements of the attestation manifests that are kept with it. */
export async function imageAttestations(
  context: ImageContext,
  ref: string,
  { platform, types, withStatement }: AttestationOptions,
): Promise<AttestationStatement[]> {
  const image = getImage(context.store, ref);
  const { id } = await imageForPlatform(context, image, ref, platform);
  await using lease = context.layers.lease('remove');
  lease.hold(...context.store.contentOf(image.id));
  const trees = (await imageRoots(context, image)).flatMap(allManifests);
  const about = new Set(trees.flatMap((tree) => manifestWithConfig(tree, id)?.descriptor.digest ?? []));
  const found = new Map<string, AttestationStatement>();
  for (const { descriptor, manifest, blobs } of trees) {
    if (!about.has(attestedDigest(descriptor)) || manifest?.kind !== 'image') continue;
    for (const layer of manifest.layers) {
      const isHere = blobs.some((blob) => blob.isHere && blob.descriptor.digest === layer.digest);
      const predicateType = layer.annotations?.[PREDICATE] ?? '';
      if (!isHere || layer.mediaType !== STATEMENT) continue;
      if (types.length > 0 && !types.includes(predicateType)) continue;
      const statement = withStatement ? await readStatement(context, layer) : null;
      found.set(layer.digest, { descriptor: layer, predicateType, statement });
    }
  }
  return [...found.values()];
}

async function readStatement(context: ImageContext, { digest }: Descriptor): Promise<object> {
  const bytes = await context.content.read(digest, MAX_STATEMENT_BYTES);
  let statement: unknown;
  try {
    statement = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw internal(`attestation ${digest}: ${errorMessage(error)}`, error);
  }
  if (typeof statement !== 'object' || statement === null) throw internal(`attestation ${digest}: no statement`);
  return statement;
}
