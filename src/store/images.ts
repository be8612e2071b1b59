import type {
  ImageRecord,
  ImageRepository,
  ImageState,
  LayerBlobRecord,
  LayerRecord,
} from '../engine/images/image-repository.js';
import type { WharfDatabase } from './database.js';

interface ImageRow {
  id: string;
  config: Buffer;
  parent_id: string;
  descriptor: string | null;
  last_tag_time: string | null;
  retired: number;
}

/** Images, their layers, blobs and references in SQLite. */
export class SqliteImageRepository implements ImageRepository {
  constructor(private readonly database: WharfDatabase) {}

  load(): ImageState {
    const { sql } = this.database;
    const chains = group(
      sql
        .prepare('SELECT image_id AS key, chain_id AS value FROM image_layers ORDER BY image_id, position')
        .all() as KeyValue[],
    );
    const manifests = group(
      sql.prepare('SELECT image_id AS key, digest AS value FROM image_manifests').all() as KeyValue[],
    );
    const blobs = group(sql.prepare('SELECT image_id AS key, digest AS value FROM image_blobs').all() as KeyValue[]);
    const images = (sql.prepare('SELECT * FROM images').all() as ImageRow[]).map((row) => ({
      id: row.id,
      config: row.config,
      parentId: row.parent_id,
      descriptor: row.descriptor,
      lastTagTime: row.last_tag_time,
      retired: row.retired !== 0,
      chainIds: chains.get(row.id) ?? [],
      manifestDigests: manifests.get(row.id) ?? [],
      blobDigests: blobs.get(row.id) ?? [],
    }));
    const layers = sql
      .prepare(
        `SELECT chain_id AS chainId, diff_id AS diffId, size_bytes AS sizeBytes,
                archive_size_bytes AS archiveSizeBytes FROM layers`,
      )
      .all() as LayerRecord[];
    const layerBlobs = sql
      .prepare('SELECT digest, diff_id AS diffId, media_type AS mediaType, size_bytes AS sizeBytes FROM layer_blobs')
      .all() as LayerBlobRecord[];
    const references = sql
      .prepare('SELECT reference, image_id AS imageId FROM image_references')
      .all() as ImageState['references'];
    return { images, layers, layerBlobs, references };
  }

  putImage(image: ImageRecord, layers: LayerRecord[], layerBlobs: LayerBlobRecord[]): void {
    const { sql } = this.database;
    this.database.transaction(() => {
      this.putLayers(layers);
      this.putBlobs(layerBlobs);
      sql
        .prepare(
          `INSERT INTO images (id, config, parent_id, descriptor, last_tag_time, retired)
           VALUES (@id, @config, @parentId, @descriptor, @lastTagTime, @retired)
           ON CONFLICT (id) DO UPDATE SET parent_id = excluded.parent_id, descriptor = excluded.descriptor,
             last_tag_time = excluded.last_tag_time, retired = excluded.retired`,
        )
        .run({
          id: image.id,
          config: image.config,
          parentId: image.parentId,
          descriptor: image.descriptor,
          lastTagTime: image.lastTagTime,
          retired: image.retired ? 1 : 0,
        });
      const layer = sql.prepare('INSERT OR REPLACE INTO image_layers (image_id, position, chain_id) VALUES (?, ?, ?)');
      image.chainIds.forEach((chainId, position) => layer.run(image.id, position, chainId));
      const manifest = sql.prepare('INSERT OR IGNORE INTO image_manifests (image_id, digest) VALUES (?, ?)');
      for (const digest of image.manifestDigests) manifest.run(image.id, digest);
      const blob = sql.prepare('INSERT OR IGNORE INTO image_blobs (image_id, digest) VALUES (?, ?)');
      for (const digest of image.blobDigests) blob.run(image.id, digest);
    });
  }

  putLayerBlobs(layerBlobs: LayerBlobRecord[]): void {
    this.database.transaction(() => this.putBlobs(layerBlobs));
  }

  remove(what: { imageIds: string[]; chainIds: string[]; blobDigests: string[] }): void {
    this.database.transaction(() => {
      this.runForEach('DELETE FROM images WHERE id = ?', what.imageIds);
      this.runForEach('DELETE FROM layers WHERE chain_id = ?', what.chainIds);
      this.runForEach('DELETE FROM layer_blobs WHERE digest = ?', what.blobDigests);
    });
  }

  putReferences(references: { reference: string; imageId: string }[], lastTagTime: string | null): void {
    const { sql } = this.database;
    this.database.transaction(() => {
      const put = sql.prepare('INSERT OR REPLACE INTO image_references (reference, image_id) VALUES (?, ?)');
      const time = sql.prepare('UPDATE images SET last_tag_time = ? WHERE id = ?');
      for (const { reference, imageId } of references) {
        put.run(reference, imageId);
        if (lastTagTime !== null) time.run(lastTagTime, imageId);
      }
    });
  }

  removeReferences(references: string[]): void {
    this.database.transaction(() => this.runForEach('DELETE FROM image_references WHERE reference = ?', references));
  }

  removeContent(imageId: string, digests: string[]): void {
    const { sql } = this.database;
    this.database.transaction(() => {
      for (const table of ['image_manifests', 'image_blobs']) {
        const remove = sql.prepare(`DELETE FROM ${table} WHERE image_id = ? AND digest = ?`);
        for (const digest of digests) remove.run(imageId, digest);
      }
    });
  }

  private putLayers(layers: LayerRecord[]): void {
    const put = this.database.sql.prepare(
      `INSERT OR REPLACE INTO layers (chain_id, diff_id, size_bytes, archive_size_bytes)
       VALUES (@chainId, @diffId, @sizeBytes, @archiveSizeBytes)`,
    );
    for (const layer of layers) put.run(layer);
  }

  private putBlobs(blobs: LayerBlobRecord[]): void {
    const put = this.database.sql.prepare(
      `INSERT OR REPLACE INTO layer_blobs (digest, diff_id, media_type, size_bytes)
       VALUES (@digest, @diffId, @mediaType, @sizeBytes)`,
    );
    for (const blob of blobs) put.run(blob);
  }

  private runForEach(sqlText: string, values: string[]): void {
    const statement = this.database.sql.prepare(sqlText);
    for (const value of values) statement.run(value);
  }
}

interface KeyValue {
  key: string;
  value: string;
}

function group(rows: KeyValue[]): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const { key, value } of rows) {
    const values = groups.get(key);
    if (values) values.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
