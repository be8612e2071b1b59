import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DaemonConfig } from '../config/options.js';
import { daemonPaths, type DaemonPaths } from '../config/paths.js';
import { checkImages } from '../engine/images/check-images.js';
import { endArchiveWorkers } from '../host/archive/archive-workers.js';
import { ContentStore } from '../host/content/content-store.js';
import { LayerStore } from '../host/overlay/layer-store.js';
import { lockDataRoot } from '../host/process/data-root-lock.js';
import { errorMessage } from '../shared/errors.js';
import { humanSize } from '../shared/byte-size.js';
import { ContainerStore } from '../store/containers.js';
import { databaseFaults, openDatabaseReadOnly, type WharfDatabase } from '../store/database.js';
import { SqliteImageRepository } from '../store/images.js';
import { VolumeStore } from '../store/volumes.js';

/**
 * `wharfd --check`: verifies a data-root that no daemon uses, and says what it found, a line each: faults, then what the next
 * start will clear away, then a summary. Whether there was no fault. Nothing is changed.
 */
export async function checkDataRoot(config: DaemonConfig, say: (line: string) => void): Promise<boolean> {
  const paths = daemonPaths(config);
  if (!existsSync(paths.database)) {
    say(`there is no data of wharfd in ${paths.dataRoot}`);
    return false;
  }
  let faults: string[];
  try {
    using _lock = lockDataRoot(paths.dataRoot, paths.lockFile);
    const database = openDatabaseReadOnly(paths.database);
    try {
      faults = await check(paths, database, say);
    } finally {
      database.close();
      await endArchiveWorkers();
    }
  } catch (error) {
    say(`fault: ${errorMessage(error)}`);
    return false;
  }
  say(faults.length === 0 ? `${paths.dataRoot} is consistent` : `${paths.dataRoot} has ${faults.length} faults`);
  return faults.length === 0;
}

async function check(paths: DaemonPaths, database: WharfDatabase, say: (line: string) => void): Promise<string[]> {
  const faults = databaseFaults(database).map((line) => `database: ${line}`);
  const state = new SqliteImageRepository(database).load();
  const layers = new LayerStore(paths.overlay2);
  const images = await checkImages(state, new ContentStore(paths.content), layers, new AbortController().signal);
  const containers = new ContainerStore(database).loadAll();
  faults.push(...images.faults);
  for (const { container } of containers) {
    const name = `container ${container.id.slice(0, 12)} (${container.name})`;
    if (!existsSync(join(paths.overlay2, container.id, 'diff'))) faults.push(`${name}: its file system is missing`);
    const image = container.imageId;
    if (image !== '' && !state.images.some(({ id }) => id === image)) faults.push(`${name}: image ${image} is missing`);
  }
  const volumes = new VolumeStore(database).list();
  for (const { name } of volumes) {
    if (!existsSync(join(paths.volumes, name))) faults.push(`volume ${name}: its directory is missing`);
  }
  for (const fault of faults) say(`fault: ${fault}`);
  const ingest = readdirSync(join(paths.content, 'ingest'));
  const left = [...images.leftovers, ...ingest.map((name) => `unfinished download or upload ${name}`)];
  for (const leftover of left) say(`leftover: ${leftover}`);
  say(
    `${state.images.length} images, ${state.layers.length} layers, ${images.blobs} blobs (${humanSize(images.blobBytes)} read), ` +
      `${containers.length} containers, ${volumes.length} volumes`,
  );
  return faults;
}
