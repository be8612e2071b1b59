import type { ImageDeleteItem } from '../../engine/images/image.js';
import { invalid } from '../../shared/errors.js';
import { IMAGE_INSPECT_RESPONSE, IMAGE_LIST_RESPONSE } from '../compat/images.js';
import { atLeast } from '../http/api-version.js';
import type { ApiReply } from '../http/reply.js';
import { empty, json } from '../http/reply.js';
import type { ApiRequest, RouteDefinition } from '../http/route.js';
import { fromImage } from '../schemas/image-inspect.js';
import { fromDescriptor, fromImageManifest, fromImageSummary } from '../schemas/image-summary.js';
import { platformJson } from '../schemas/platform-query.js';
import { IMAGE_TRANSFER_ROUTES } from './image-transfer.js';

const LIST_FILTERS = ['before', 'dangling', 'label', 'label!', 'reference', 'since', 'until'];
const SEARCH_FILTERS = ['is-automated', 'is-official', 'stars'];
const DEFAULT_SEARCH_LIMIT = 25;
const PRUNE_FILTERS = ['dangling', 'label', 'label!', 'until'];

/** The image that the path names. */
export function imageRef({ params }: Pick<ApiRequest, 'params'>): string {
  return params.name ?? '';
}

async function listImages({ engine, query, version }: ApiRequest): Promise<ApiReply> {
  const filters = new Map(query.filters(LIST_FILTERS));
  const legacy = query.string('filter'); // a reference, up to 1.24
  if (!atLeast(version, '1.25') && legacy !== '') filters.set('reference', [legacy]);
  const images = await engine.images.list({
    all: query.bool('all'),
    filters,
    sharedSize: atLeast(version, '1.42') && query.bool('shared-size'),
  });
  const rows = images.map(fromImageSummary);
  if (!atLeast(version, '1.47') || !query.bool('manifests')) return json(rows);
  const manifests = await Promise.all(images.map(({ image }) => engine.images.manifests(image)));
  return json(rows.map((row, i) => ({ ...row, Manifests: (manifests[i] ?? []).map(fromImageManifest) })));
}

async function inspectImage(request: ApiRequest): Promise<ApiReply> {
  const { engine, query, version } = request;
  const platform = atLeast(version, '1.49') ? platformJson(query.string('platform')) : '';
  const withManifests = atLeast(version, '1.48') && query.bool('manifests');
  if (platform !== '' && withManifests) {
    throw invalid('conflicting options: manifests and platform options cannot both be set');
  }
  const image = await engine.images.forPlatform(imageRef(request), platform);
  const found = fromImage(image, engine.images.graphDriver(image));
  if (!withManifests) return json(found);
  return json({ ...found, Manifests: (await engine.images.manifests(image)).map(fromImageManifest) });
}

async function imageHistory(request: ApiRequest): Promise<ApiReply> {
  const { engine, query, version } = request;
  const platform = atLeast(version, '1.48') ? platformJson(query.string('platform')) : '';
  const rows = await engine.images.history(imageRef(request), platform);
  return json(
    rows.map((row) => ({
      Comment: row.comment,
      Created: row.createdUnixSec,
      CreatedBy: row.createdBy,
      Id: row.id,
      Size: row.sizeBytes,
      Tags: row.tags.length > 0 ? row.tags : null,
    })),
  );
}

function tagImage(request: ApiRequest): ApiReply {
  const { engine, query } = request;
  const repo = query.string('repo');
  engine.images.tag(imageRef(request), repo, query.string('tag'));
  return empty(repo === '' ? 200 : 201); // without a name nothing is made
}

async function removeImage(request: ApiRequest): Promise<ApiReply> {
  const ref = imageRef(request);
  if (ref.trim() === '') throw invalid('image name cannot be blank');
  const { query, version } = request;
  const platforms = atLeast(version, '1.50') ? query.strings('platforms').map(platformJson) : [];
  const options = { force: query.bool('force'), noPrune: query.bool('noprune'), platforms };
  return json((await request.engine.images.remove(ref, options)).map(fromDeleteItem));
}

async function pruneImages({ engine, query }: ApiRequest): Promise<ApiReply> {
  const { deleted, spaceReclaimedBytes } = await engine.images.prune(query.filters(PRUNE_FILTERS));
  return json({
    ImagesDeleted: deleted.length > 0 ? deleted.map(fromDeleteItem) : null,
    SpaceReclaimed: spaceReclaimedBytes,
  });
}

function fromDeleteItem(item: ImageDeleteItem) {
  return 'untagged' in item ? { Untagged: item.untagged } : { Deleted: item.deleted };
}

async function attestations(request: ApiRequest): Promise<ApiReply> {
  const { engine, query } = request;
  const platforms = query.strings('platform').filter((value) => value !== '');
  if (platforms.length > 1) throw invalid('multiple platform parameters not supported');
  const statements = await engine.images.attestations(imageRef(request), {
    platform: platformJson(platforms[0] ?? ''),
    types: query.strings('type').filter((value) => value !== ''),
    withStatement: query.bool('statement'),
  });
  return json(
    statements.map(({ descriptor, predicateType, statement }) => ({
      Descriptor: fromDescriptor(descriptor),
      PredicateType: predicateType,
      Statement: statement ?? undefined,
    })),
  );
}

async function search({ engine, query, signal }: ApiRequest): Promise<ApiReply> {
  const text = query.string('limit');
  if (text !== '' && !/^[+-]?\d+$/.test(text)) {
    throw invalid(`invalid limit specified: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const options = {
    term: query.string('term'),
    limit: Number(text) || DEFAULT_SEARCH_LIMIT,
    filters: query.filters(SEARCH_FILTERS),
  };
  const found = await engine.images.search(options, signal);
  return json(
    found.map((one) => ({
      star_count: one.starCount,
      is_official: one.isOfficial,
      name: one.name,
      is_automated: one.isAutomated,
      description: one.description,
    })),
  );
}

export const IMAGE_ROUTES: readonly RouteDefinition[] = [
  {
    method: 'GET',
    path: '/images/json',
    since: '1.24',
    cancelled: 'detached',
    responseGates: IMAGE_LIST_RESPONSE,
    handler: listImages,
  },
  { method: 'GET', path: '/images/search', since: '1.24', cancelled: 'with-client', handler: search },
  ...IMAGE_TRANSFER_ROUTES,
  {
    method: 'GET',
    path: '/images/{name}/json',
    since: '1.24',
    cancelled: 'detached',
    responseGates: IMAGE_INSPECT_RESPONSE,
    handler: inspectImage,
  },
  { method: 'GET', path: '/images/{name}/history', since: '1.24', cancelled: 'detached', handler: imageHistory },
  {
    method: 'GET',
    path: '/images/{name}/attestations',
    since: '1.55',
    cancelled: 'detached',
    handler: attestations,
  },
  { method: 'POST', path: '/images/{name}/tag', since: '1.24', cancelled: 'detached', handler: tagImage },
  { method: 'POST', path: '/images/prune', since: '1.25', cancelled: 'detached', handler: pruneImages },
  { method: 'DELETE', path: '/images/{name}', since: '1.24', cancelled: 'detached', handler: removeImage },
];
