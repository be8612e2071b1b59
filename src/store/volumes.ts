import type { Database, Statement } from 'better-sqlite3';
import type { WharfDatabase } from './database.js';

/** A volume as it is kept; where it is mounted follows from its name. */
export interface VolumeRecord {
  name: string;
  driver: string;
  /** RFC 3339. */
  createdAt: string;
  anonymous: boolean;
  labels: Record<string, string>;
  options: Record<string, string>;
}

interface VolumeRow {
  name: string;
  driver: string;
  created_at: string;
  anonymous: 0 | 1;
  labels: string;
  options: string;
}

/** Which container uses which volume. */
export interface VolumeReference {
  volume: string;
  containerId: string;
  /** It holds a mount of the volume. */
  mounted: boolean;
}

/** Volumes and the containers that use them. Synchronous; durable when a call returns. */
export class VolumeStore {
  private readonly statements: Record<'insert' | 'delete' | 'reference' | 'unreference' | 'mounted', Statement>;
  private readonly sql: Database;

  constructor(private readonly db: WharfDatabase) {
    this.sql = db.sql;
    this.statements = {
      insert: this.sql.prepare(
        'INSERT INTO volumes VALUES (:name, :driver, :createdAt, :anonymous, :labels, :options)',
      ),
      delete: this.sql.prepare('DELETE FROM volumes WHERE name = ?'),
      reference: this.sql.prepare(
        'INSERT INTO volume_references (volume, container_id) VALUES (?, ?) ON CONFLICT DO NOTHING',
      ),
      unreference: this.sql.prepare('DELETE FROM volume_references WHERE volume = ? AND container_id = ?'),
      mounted: this.sql.prepare('UPDATE volume_references SET mounted = ? WHERE volume = ? AND container_id = ?'),
    };
  }

  list(): VolumeRecord[] {
    const rows = this.sql.prepare<[], VolumeRow>('SELECT * FROM volumes ORDER BY name').all();
    return rows.map((row) => ({
      name: row.name,
      driver: row.driver,
      createdAt: row.created_at,
      anonymous: row.anonymous === 1,
      labels: JSON.parse(row.labels) as Record<string, string>,
      options: JSON.parse(row.options) as Record<string, string>,
    }));
  }

  listReferences(): VolumeReference[] {
    const rows = this.sql
      .prepare<[], { volume: string; container_id: string; mounted: 0 | 1 }>('SELECT * FROM volume_references')
      .all();
    return rows.map((row) => ({ volume: row.volume, containerId: row.container_id, mounted: row.mounted === 1 }));
  }

  /** Throws when the name is taken. */
  insert({ name, driver, createdAt, anonymous, labels, options }: VolumeRecord): void {
    this.db.transaction(() =>
      this.statements.insert.run({
        name,
        driver,
        createdAt,
        anonymous: anonymous ? 1 : 0,
        labels: JSON.stringify(labels),
        options: JSON.stringify(options),
      }),
    );
  }

  /** Throws while it is referenced. */
  delete(name: string): void {
    this.db.transaction(() => this.statements.delete.run(name));
  }

  /** Again is fine. Throws for an unknown volume. */
  reference(volume: string, containerId: string): void {
    this.db.transaction(() => this.statements.reference.run(volume, containerId));
  }

  /** None is fine. Does not wait for the disk: the removal of the container that follows does, where it has to. */
  unreference(volume: string, containerId: string): void {
    this.statements.unreference.run(volume, containerId);
  }

  /** After a loss of power nothing is mounted, so this does not wait for the disk. */
  setMounted(volume: string, containerId: string, mounted: boolean): void {
    this.statements.mounted.run(mounted ? 1 : 0, volume, containerId);
  }
}
