import type { Statement } from 'better-sqlite3';
import type { Network, Sandbox } from '../engine/networks/model.js';
import type { NetworkRepository } from '../engine/networks/network-repository.js';
import type { WharfDatabase } from './database.js';

interface NetworkRow {
  id: string;
  name: string;
  driver: string;
  document: string;
}

interface SandboxRow {
  container_id: string;
  sandbox_id: string;
  sandbox_key: string;
  container_name: string;
  hostname: string;
  kind: string;
  endpoints: string;
  ports: string;
}

/** The networks in SQLite. */
export class NetworkStore implements NetworkRepository {
  private readonly insertRow: Statement<[NetworkRow]>;
  private readonly updateRow: Statement<[NetworkRow]>;
  private readonly upsertSandbox: Statement<[SandboxRow]>;

  constructor(private readonly db: WharfDatabase) {
    this.insertRow = db.sql.prepare(
      'INSERT INTO networks (id, name, driver, document) VALUES (@id, @name, @driver, @document)',
    );
    this.updateRow = db.sql.prepare(
      'UPDATE networks SET name = @name, driver = @driver, document = @document WHERE id = @id',
    );
    this.upsertSandbox = db.sql.prepare(
      `INSERT OR REPLACE INTO sandboxes
         (container_id, sandbox_id, sandbox_key, container_name, hostname, kind, endpoints, ports)
       VALUES (@container_id, @sandbox_id, @sandbox_key, @container_name, @hostname, @kind, @endpoints, @ports)`,
    );
  }

  listNetworks(): Network[] {
    const rows = this.db.sql.prepare<[], NetworkRow>('SELECT * FROM networks ORDER BY position').all();
    return rows.map(({ id, name, driver, document }) => {
      const rest = JSON.parse(document) as Omit<Network, 'id' | 'name' | 'driver'>;
      return { id, name, driver: driver as Network['driver'], ...rest };
    });
  }

  insertNetwork(network: Network): void {
    this.db.transaction(() => this.insertRow.run(toRow(network)));
  }

  updateNetwork(network: Network): void {
    this.db.transaction(() => this.updateRow.run(toRow(network)));
  }

  deleteNetwork(id: string): void {
    this.db.transaction(() => this.db.sql.prepare('DELETE FROM networks WHERE id = ?').run(id));
  }

  listSandboxes(): Sandbox[] {
    const rows = this.db.sql.prepare<[], SandboxRow>('SELECT * FROM sandboxes').all();
    return rows.map((row) => ({
      sandboxId: row.sandbox_id,
      sandboxKey: row.sandbox_key,
      containerId: row.container_id,
      containerName: row.container_name,
      hostname: row.hostname,
      kind: row.kind as Sandbox['kind'],
      endpoints: JSON.parse(row.endpoints) as Sandbox['endpoints'],
      ports: JSON.parse(row.ports) as Sandbox['ports'],
    }));
  }

  /** After a loss of power no namespace is left, so this does not wait for the disk. */
  saveSandbox(sandbox: Sandbox): void {
    const row: SandboxRow = {
      container_id: sandbox.containerId,
      sandbox_id: sandbox.sandboxId,
      sandbox_key: sandbox.sandboxKey,
      container_name: sandbox.containerName,
      hostname: sandbox.hostname,
      kind: sandbox.kind,
      endpoints: JSON.stringify(sandbox.endpoints),
      ports: JSON.stringify(sandbox.ports),
    };
    this.upsertSandbox.run(row);
  }

  deleteSandbox(containerId: string): void {
    this.db.sql.prepare('DELETE FROM sandboxes WHERE container_id = ?').run(containerId);
  }
}

function toRow({ id, name, driver, ...rest }: Network): NetworkRow {
  return { id, name, driver, document: JSON.stringify(rest) };
}
