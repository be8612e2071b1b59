import { digestOf } from '../../shared/digest.js';
import { errorMessage, invalid } from '../../shared/errors.js';
import type { ArchiveSpool, SpooledFile } from './archive-spool.js';
import { parseImageConfig, type ImageConfig } from './image-config.js';
import { isObject, objectField, stringField, stringMap, type JsonObject } from './json-fields.js';
import type { ArchivedImage } from './list-archived-images.js';
import { OCI_LAYER_TAR } from './manifest.js';

const MAX_LAYERS = 1000;

/**
 * Images of an archive as Docker wrote it before 1.10: `repositories` names the uppermost layer of each tag, and each
 * layer has a folder with `json` (its parent among it) and an uncompressed `layer.tar`. The configuration is made from
 * the uppermost one's.
 */
export function listLegacyImages(
  spool: ArchiveSpool,
  repositories: unknown,
  format: (image: ImageConfig) => Buffer,
): ArchivedImage[] {
  if (!isObject(repositories)) throw invalid('invalid repositories: not an object');
  const byLayer = new Map<string, string[]>();
  for (const repository of Object.keys(repositories)) {
    for (const [tag, layerId] of Object.entries(stringMap(repositories, repository))) {
      byLayer.set(layerId, [...(byLayer.get(layerId) ?? []), `${repository}:${tag}`]);
    }
  }
  return [...byLayer].map(([layerId, references]) => {
    const { layers, top } = readChain(spool, layerId);
    const bytes = format(configOf(top, layers));
    const config: SpooledFile = {
      digest: digestOf(bytes),
      sizeBytes: bytes.length,
      bytes,
      commit: async () => undefined,
    };
    return {
      config,
      layers: layers.map((file) => ({ ...file, mediaType: OCI_LAYER_TAR })),
      references,
      content: null,
    };
  });
}

function readChain(spool: ArchiveSpool, layerId: string): { layers: SpooledFile[]; top: JsonObject } {
  const layers: SpooledFile[] = [];
  let top: JsonObject | null = null;
  for (let id = layerId; id !== '';) {
    const text = spool.text(`${id}/json`);
    const layer = spool.find(`${id}/layer.tar`);
    if (text === null || !layer || layers.length === MAX_LAYERS) {
      throw invalid(`invalid archive: ${id}/${layer ? 'json' : 'layer.tar'}: no such file or directory`);
    }
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch (error) {
      throw invalid(`invalid archive: ${id}/json: ${errorMessage(error)}`, error);
    }
    if (!isObject(json)) throw invalid(`invalid archive: ${id}/json: not an object`);
    layers.unshift(layer);
    top ??= json;
    id = stringField(json, 'parent');
  }
  return { layers, top: top ?? {} };
}

function configOf(top: JsonObject, layers: SpooledFile[]): ImageConfig {
  const created = stringField(top, 'created');
  const bytes = Buffer.from(
    JSON.stringify({
      ...top,
      config: objectField(top, 'config'),
      rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
      history: layers.map(() => ({ created })),
    }),
  );
  return parseImageConfig(bytes);
}
