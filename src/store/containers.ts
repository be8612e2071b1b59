import type { Statement } from 'better-sqlite3';
import type { Container } from '../engine/containers/container.js';
import type { ContainerRepository, StoredContainer } from '../engine/containers/container-repository.js';
import type { WharfDatabase } from './database.js';

interface ContainerRow {
  id: string;
  name: string;
  created: string;
  image_id: string;
  phase: string;
  status: string;
  pid: number;
  exit_code: number;
  restart_count: number;
  state: string;
  network: string;
  config: string;
  host_config: string;
  mount_plan: string;
  details: string;
}

/** What has no column of its own. */
type Details = Omit<
  Container,
  'id' | 'name' | 'created' | 'imageId' | 'restartCount' | 'state' | 'network' | 'config' | 'hostConfig'
>;

const STATE_COLUMNS = ['status', 'pid', 'exit_code', 'restart_count', 'state', 'network'];
const COLUMNS = [
  'id',
  'name',
  'created',
  'image_id',
  'phase',
  ...STATE_COLUMNS,
  'config',
  'host_config',
  'mount_plan',
  'details',
];

/** The containers in SQLite. */
export class ContainerStore implements ContainerRepository {
  private readonly insertRow: Statement<[ContainerRow]>;
  private readonly updateRow: Statement<[ContainerRow]>;
  private readonly deleteRow: Statement<[string]>;
  private readonly updateState: Statement<[Partial<ContainerRow>]>;

  constructor(private readonly db: WharfDatabase) {
    const set = (columns: string[]): string => columns.map((column) => `${column} = @${column}`).join(', ');
    this.insertRow = db.sql.prepare(
      `INSERT INTO containers (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map((column) => `@${column}`).join(', ')})`,
    );
    this.updateRow = db.sql.prepare(`UPDATE containers SET ${set(COLUMNS.slice(1))} WHERE id = @id`);
    this.deleteRow = db.sql.prepare('DELETE FROM containers WHERE id = ?');
    this.updateState = db.sql.prepare(`UPDATE containers SET ${set(STATE_COLUMNS)} WHERE id = @id`);
  }

  loadAll(): StoredContainer[] {
    const rows = this.db.sql.prepare<[], ContainerRow>('SELECT * FROM containers ORDER BY created').all();
    return rows.map(fromRow);
  }

  insert(stored: StoredContainer, durable: boolean): void {
    this.write(durable, () => this.insertRow.run(toRow(stored)));
  }

  save(stored: StoredContainer, durable: boolean): void {
    this.write(durable, () => this.updateRow.run(toRow(stored)));
  }

  saveState(stored: StoredContainer): void {
    this.updateState.run(stateColumns(stored.container));
  }

  async delete(id: string, durable: boolean): Promise<void> {
    this.deleteRow.run(id);
    if (durable) await this.db.synced();
  }

  private write(durable: boolean, run: () => unknown): void {
    if (durable) this.db.transaction(run);
    else run();
  }
}

function stateColumns({
  id,
  state,
  network,
  restartCount,
}: Container): Pick<ContainerRow, 'id' | 'status' | 'pid' | 'exit_code' | 'restart_count' | 'state' | 'network'> {
  return {
    id,
    status: state.status,
    pid: state.pid,
    exit_code: state.exitCode,
    restart_count: restartCount,
    state: JSON.stringify(state),
    network: JSON.stringify(network),
  };
}

function toRow({ container, plan, phase }: StoredContainer): ContainerRow {
  const { name, created, imageId, config, hostConfig } = container;
  return {
    name,
    created,
    image_id: imageId,
    phase,
    config: JSON.stringify(config),
    host_config: JSON.stringify(hostConfig),
    mount_plan: JSON.stringify(plan),
    details: JSON.stringify(detailsOf(container)),
    ...stateColumns(container),
  };
}

/** Field by field: what is left after a destructuring takes ten times as long to make, and again as long to read. */
function detailsOf(container: Container): Details {
  return {
    imageRef: container.imageRef,
    path: container.path,
    args: container.args,
    mounts: container.mounts,
    driver: container.driver,
    platform: container.platform,
    mountLabel: container.mountLabel,
    processLabel: container.processLabel,
    appArmorProfile: container.appArmorProfile,
    resolvConfPath: container.resolvConfPath,
    hostnamePath: container.hostnamePath,
    hostsPath: container.hostsPath,
    logPath: container.logPath,
    graphDriver: container.graphDriver,
    execIds: container.execIds,
    imageManifestDescriptor: container.imageManifestDescriptor,
  };
}

function fromRow(row: ContainerRow): StoredContainer {
  return {
    phase: row.phase as StoredContainer['phase'],
    plan: JSON.parse(row.mount_plan) as StoredContainer['plan'],
    container: {
      id: row.id,
      name: row.name,
      created: row.created,
      imageId: row.image_id,
      restartCount: row.restart_count,
      state: JSON.parse(row.state) as Container['state'],
      network: JSON.parse(row.network) as Container['network'],
      config: JSON.parse(row.config) as Container['config'],
      hostConfig: JSON.parse(row.host_config) as Container['hostConfig'],
      ...(JSON.parse(row.details) as Details),
    },
  };
}
