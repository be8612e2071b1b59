import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fillInitLayer } from './init-layer.js';
import { newLinkName } from './layer-id.js';
import { initLayerName, RUBBISH_PREFIX, type LayerStore } from './layer-store.js';

/** A layer that a container stands on; `l/<link>` leads to the directory. */
export interface LayerBelow {
  link: string;
  directory: string;
}

/**
 * The init layer on an image's chain, made by the first who asks. All containers of the image share it: it is read-only to them. It goes with the
 * image's topmost layer.
 */
export function sharedInitLayer(layers: LayerStore, chain: string[]): LayerBelow {
  const root = layers.directory;
  const name = initLayerName(chain.at(-1) ?? null);
  const directory = join(root, name, 'diff');
  let link = layers.initLinks.get(name);
  if (link === undefined) {
    const linkFile = join(root, name, 'link');
    link = existsSync(linkFile) ? readFileSync(linkFile, 'utf8') : makeInitLayer(layers, chain, name);
    layers.initLinks.set(name, link);
  }
  return { link, directory };
}

function makeInitLayer(layers: LayerStore, chain: string[], name: string): string {
  const root = layers.directory;
  const link = newLinkName();
  const linkPath = join(root, 'l', link);
  const temporary = join(root, `${RUBBISH_PREFIX}init-${link}`);
  try {
    mkdirSync(temporary, { mode: 0o710 });
    mkdirSync(join(temporary, 'diff'), { mode: 0o755 });
    fillInitLayer(
      join(temporary, 'diff'),
      layers.lowerLayers(chain).map(({ directory }) => directory),
    );
    writeFileSync(join(temporary, 'link'), link);
    symlinkSync(join('..', name, 'diff'), linkPath);
    renameSync(temporary, join(root, name));
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    rmSync(linkPath, { force: true });
    throw error;
  }
  return link;
}
