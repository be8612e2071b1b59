import { conflict, invalid, notFound } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import type { Container, ContainerState } from './container.js';
import { ContainerEntry } from './container-entry.js';
import { parseLink, parseLinkName } from './link-text.js';
import type { ContainerRepository, StoredContainer } from './container-repository.js';

type StateChange = Partial<Pick<Container, 'state' | 'network' | 'restartCount' | 'execIds'>>;

/**
 * All containers, in memory, written through to the repository. Reads never wait; a container's object is replaced, not
 * changed, so that whoever holds one sees a consistent picture.
 */
export class ContainerRegistry {
  private readonly byId = new Map<string, ContainerEntry>();
  /** Name without slash to id; holds names of containers that are still being created as well. */
  private readonly idByName = new Map<string, string>();
  /** Ids of containers whose rows are still to be deleted. */
  private readonly forgotten = new Set<string>();

  constructor(
    private readonly repository: ContainerRepository,
    private readonly log: Logger,
  ) {}

  /** Reads all containers from the repository; once, at boot. */
  load(): void {
    for (const stored of this.repository.loadAll()) {
      this.index(new ContainerEntry({ ...stored, container: { ...stored.container, execIds: [] } }));
    }
  }

  /** In order of creation. */
  all(): ContainerEntry[] {
    return [...this.byId.values()];
  }

  get(id: string): ContainerEntry | undefined {
    return this.byId.get(id);
  }

  /**
   * By full id, name, name of a link to it (`/parent/alias`), or unique prefix of an id, in this order. Throws not-found
   * `No such container: x`, or invalid when the prefix fits several. Containers that are still being created are not found.
   */
  find(ref: string): ContainerEntry {
    if (ref === '') throw invalid('invalid name or ID supplied: ""');
    const entry = this.lookup(ref);
    if (!entry || entry.phase === 'creating') throw notFound(`No such container: ${ref}`);
    return entry;
  }

  isNameTaken(name: string): boolean {
    return this.idByName.has(name);
  }

  /** Takes a name for a container. Throws conflict, in the words that clients parse, when another one has it. */
  reserveName(name: string, id: string): void {
    const owner = this.idByName.get(name);
    if (owner !== undefined && owner !== id) {
      throw conflict(
        `Conflict. The container name "/${name}" is already in use by container "${owner}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    }
    this.idByName.set(name, id);
  }

  releaseName(name: string, id: string): void {
    if (this.idByName.get(name) === id) this.idByName.delete(name);
  }

  /** Stores and shows a new container. */
  add(stored: StoredContainer): ContainerEntry {
    this.eraseForgotten();
    this.repository.insert(stored, outlivesPowerLoss(stored));
    const entry = new ContainerEntry(stored);
    this.index(entry);
    return entry;
  }

  /**
   * Forgets a container whose files are gone, at once; settles when that survives a loss of power. Never rejects: on a full disk the row may
   * stay, and is removed at the next boot, since there is no file system to it.
   */
  async remove(entry: ContainerEntry): Promise<void> {
    const deleted = this.repository.delete(entry.id, outlivesPowerLoss(entry));
    this.byId.delete(entry.id);
    this.releaseName(entry.name, entry.id);
    await deleted.catch((err: unknown) => this.cannotStore(entry, err));
  }

  /** As `remove`, for one that the next daemon would remove as well: nothing is waited for. Its row goes with `eraseForgotten`. */
  forget(entry: ContainerEntry): void {
    this.byId.delete(entry.id);
    this.releaseName(entry.name, entry.id);
    this.forgotten.add(entry.id);
  }

  /** Deletes the rows of all that were forgotten. Is called soon after; a name that is taken again by then makes it happen, too. */
  eraseForgotten(): void {
    for (const id of this.forgotten) {
      this.forgotten.delete(id);
      this.repository.delete(id, false).catch((err: unknown) => {
        this.forgotten.add(id);
        this.cannotStore({ id }, err);
      });
    }
  }

  /** Changes anything; survives a loss of power. When it throws nothing has changed. */
  save(entry: ContainerEntry, change: Partial<Container>): void {
    this.eraseForgotten();
    const before = entry.container;
    entry.container = { ...before, ...change };
    try {
      this.repository.save(entry, outlivesPowerLoss(entry));
    } catch (error) {
      entry.container = before;
      throw error;
    }
  }

  /** Execs are only in memory. */
  setExecIds(entry: ContainerEntry, execIds: string[]): void {
    this.show(entry, { execIds });
  }

  /** Changes what is seen, and stores nothing: for what the next daemon finds out by itself. */
  show(entry: ContainerEntry, change: StateChange): void {
    entry.container = { ...entry.container, ...change };
  }

  /** Changes what a running container has; quick, since it need not survive a loss of power. When it throws nothing is stored. */
  storeState(entry: ContainerEntry, change: StateChange): void {
    this.show(entry, change);
    if (this.byId.has(entry.id)) this.repository.saveState(entry);
  }

  /** The same for what has happened whether it can be stored or not, such as an exit while the disk is full. */
  saveState(entry: ContainerEntry, change: StateChange): void {
    this.tolerate(entry, () => this.storeState(entry, change));
  }

  /** `saveState` for the state alone. */
  setState(entry: ContainerEntry, state: ContainerState): void {
    this.saveState(entry, { state });
  }

  /** A user asked for the end; must survive a loss of power where the container would come back after it otherwise. */
  setManuallyStopped(entry: ContainerEntry): void {
    const state = { ...entry.container.state, manuallyStopped: true };
    if (['', 'no'].includes(entry.container.hostConfig.restartPolicy.name)) this.setState(entry, state);
    else this.save(entry, { state });
  }

  /** Need not be durable: a container whose files are gone is found and removed at boot. */
  setPhase(entry: ContainerEntry, phase: StoredContainer['phase']): void {
    entry.phase = phase;
    this.tolerate(entry, () => this.repository.save(entry, false));
  }

  private tolerate(entry: ContainerEntry, write: () => void): void {
    try {
      write();
    } catch (err) {
      this.cannotStore(entry, err);
    }
  }

  private cannotStore({ id }: Pick<ContainerEntry, 'id'>, err: unknown): void {
    this.log.error({ err, container: id }, 'cannot store a change of a container');
  }

  private index(entry: ContainerEntry): void {
    this.byId.set(entry.id, entry);
    this.idByName.set(entry.name, entry.id);
  }

  private lookup(ref: string): ContainerEntry | undefined {
    const exact = this.byId.get(ref);
    if (exact) return exact;
    const named = this.idByName.get(ref.replace(/^\//, ''));
    if (named !== undefined) return this.byId.get(named);
    const link = parseLinkName(ref);
    if (link) return this.linked(link.parentName, link.alias);
    if (!/^[0-9a-f]{1,64}$/.test(ref)) return undefined;
    const found = this.all().filter((entry) => entry.id.startsWith(ref));
    if (found.length > 1) throw invalid(`multiple IDs found with provided prefix: ${ref}`);
    return found[0];
  }

  private linked(parentName: string, alias: string): ContainerEntry | undefined {
    const parent = this.byId.get(this.idByName.get(parentName) ?? '');
    const link = parent?.container.hostConfig.links.map(parseLink).find((one) => one.alias === alias);
    return link && (this.byId.get(link.ref) ?? this.byId.get(this.idByName.get(link.ref) ?? ''));
  }
}

/** A container that is removed at its end is gone after a loss of power either way: its row need not wait for the disk. */
function outlivesPowerLoss({ container }: StoredContainer): boolean {
  return !container.hostConfig.autoRemove;
}
