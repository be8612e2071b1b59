import type { ApiClient } from '../../support/api-client.js';
import type { CreateQuestion } from './create-requests.js';
import type { CreateScene } from './create-scene.js';

/** What inspect says of a container, flat: `HostConfig.Memory` → its value. */
export type FlatInspect = Record<string, unknown>;

export interface CreateAnswer {
  status: number;
  /** Of an error. */
  message?: string;
  warnings?: string[];
  inspect?: FlatInspect;
}

/** Parts of inspect that belong to the run and the engine, not to what was asked for. */
const NOT_COMPARED = [
  'Id',
  'Created',
  'State',
  'GraphDriver',
  'ImageManifestDescriptor',
  'Storage',
  'ExecIDs',
  'RestartCount',
  // dockerd says these from the first start on, we from the beginning.
  'ResolvConfPath',
  'HostnamePath',
  'HostsPath',
  'LogPath',
];
/** The version whose inspect shows all. */
const NEWEST = '1.51';
const FLATTENED = ['Config', 'HostConfig'];

/** Creates what is asked for, inspects it as the same client would, and removes it. */
export async function askCreate(api: ApiClient, scene: CreateScene, question: CreateQuestion): Promise<CreateAnswer> {
  const { answer, id } = await askOnly(api, scene, question);
  if (id !== null) await scene.discard(id, mayMake(question));
  return answer;
}

/**
 * The same, and then what inspect said is sent as a create request: that has to be accepted, and inspect has to say the same
 * of the second container. `again` is null when the first was refused, or by an older client: its inspect may show less.
 */
export async function askTwice(
  api: ApiClient,
  scene: CreateScene,
  question: CreateQuestion,
): Promise<{ answer: CreateAnswer; again: CreateAnswer | null }> {
  const { answer, id } = await askOnly(api, scene, question);
  if (id === null) return { answer, again: null };
  if (question.version !== NEWEST) {
    await scene.discard(id, mayMake(question));
    return { answer, again: null };
  }
  const body = recreate(await inspect(api, question.version, id));
  const second = await askOnly(api, scene, { section: question.section, version: question.version, body });
  if (answer.inspect?.Name && second.answer.inspect) second.answer.inspect.Name = answer.inspect.Name;
  if (second.id !== null) await scene.discard(second.id, mayMake(question));
  await scene.discard(id, mayMake(question));
  return { answer, again: second.answer };
}

async function askOnly(
  api: ApiClient,
  scene: CreateScene,
  { version, query, body }: CreateQuestion,
): Promise<{ answer: CreateAnswer; id: string | null }> {
  const path = `/v${version}/containers/create${query === undefined ? '' : `?${query}`}`;
  const reply = await api.post(path, body);
  const said = reply.json as { Id?: string; Warnings?: string[]; message?: string };
  if (reply.status !== 201 || said.Id === undefined) {
    return { answer: { status: reply.status, message: scene.normalise(said.message ?? reply.text) }, id: null };
  }
  const text = scene.normalise(JSON.stringify(await inspect(api, version, said.Id)), said.Id);
  const warnings = (said.Warnings ?? []).map((warning) => scene.normalise(warning, said.Id));
  const shown = JSON.parse(text) as Record<string, unknown>;
  if (query?.startsWith('name=') !== true) delete shown.Name;
  return { answer: { status: 201, warnings, inspect: flatten(shown) }, id: said.Id };
}

async function inspect(api: ApiClient, version: string, id: string): Promise<Inspected> {
  return (await api.get(`/v${version}/containers/${id}/json`)).json as Inspected;
}

interface Inspected {
  Config: Record<string, unknown> & { Hostname: string };
  HostConfig: { NetworkMode: string; UTSMode: string };
  NetworkSettings: { Networks: Record<string, { Aliases?: string[] | null }> };
  Id: string;
}

/** What tools that replace containers send: all that inspect has, less the hostname and alias that came from the id. */
function recreate({ Config, HostConfig, NetworkSettings, Id }: Inspected): object {
  const { Hostname, ...config } = Config;
  const isOwn = !Id.startsWith(Hostname) && HostConfig.UTSMode !== 'host';
  for (const endpoint of Object.values(NetworkSettings.Networks)) {
    const others = endpoint.Aliases?.filter((alias) => alias !== Id.slice(0, 12));
    if (others?.length !== endpoint.Aliases?.length) endpoint.Aliases = others?.length ? others : null;
  }
  return {
    ...config,
    ...(isOwn && { Hostname }),
    HostConfig,
    NetworkingConfig: { EndpointsConfig: NetworkSettings.Networks },
  };
}

function flatten(shown: Record<string, unknown>): FlatInspect {
  const flat: FlatInspect = {};
  for (const [key, value] of Object.entries(shown)) {
    if (NOT_COMPARED.includes(key)) continue;
    if (key === 'NetworkSettings') flat.Networks = (value as { Networks: unknown }).Networks;
    else if (key === 'Mounts') flat.Mounts = sorted(value as { Destination: string }[]);
    else if (FLATTENED.includes(key)) {
      for (const [name, inner] of Object.entries(value as object)) flat[`${key}.${name}`] = inner;
    } else flat[key] = value;
  }
  return flat;
}

/** dockerd lists mounts in no order. */
function sorted(mounts: { Destination: string }[]): { Destination: string }[] {
  return [...mounts].sort((a, b) => (a.Destination < b.Destination ? -1 : 1));
}

/** Only what is otherwise than in `base`; what is missing there is `<absent>`. */
export function difference(inspect: FlatInspect, base: FlatInspect): FlatInspect {
  const result: FlatInspect = {};
  for (const key of new Set([...Object.keys(base), ...Object.keys(inspect)])) {
    const value = key in inspect ? inspect[key] : '<absent>';
    if (!(key in base) || JSON.stringify(base[key]) !== JSON.stringify(value)) result[key] = value;
  }
  return result;
}

/** The other way round. */
export function patched(base: FlatInspect, changes: FlatInspect): FlatInspect {
  return Object.fromEntries(Object.entries({ ...base, ...changes }).filter(([, value]) => value !== '<absent>'));
}

/** Whether the request may have made the volume `cr-made`. */
function mayMake({ body }: CreateQuestion): boolean {
  return JSON.stringify(body).includes('cr-made');
}
