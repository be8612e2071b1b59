import { existsSync, mkdirSync, readdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';

const REMOVED_PREFIX = '.removed-';

/** `<data-root>/volumes/<name>/_data`: where the data of local volumes lies. Calls are idempotent. */
export class VolumeDirectories {
  constructor(private readonly root: string) {
    mkdirSync(root, { recursive: true, mode: 0o701 });
  }

  /** What the container sees at the mount's destination. */
  dataPath(name: string): string {
    return join(this.root, name, '_data');
  }

  create(name: string): void {
    mkdirSync(this.dataPath(name), { recursive: true, mode: 0o755 });
  }

  /** Names of all that are there. */
  list(): string[] {
    return readdirSync(this.root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && existsSync(this.dataPath(entry.name)))
      .map((entry) => entry.name)
      .filter((name) => !name.startsWith('.'));
  }

  /**
   * Takes the directory out of the way at once; what it returns deletes it, and what is not deleted because the daemon
   * died is deleted by `sweep`.
   */
  detach(name: string): () => Promise<void> {
    const from = join(this.root, name);
    if (!existsSync(from)) return () => Promise.resolve();
    const away = join(this.root, `${REMOVED_PREFIX}${randomBytes(8).toString('hex')}`);
    renameSync(from, away);
    return () => rm(away, { recursive: true, force: true });
  }

  /** Deletes what was detached and left over. */
  async sweep(): Promise<void> {
    const left = readdirSync(this.root).filter((name) => name.startsWith(REMOVED_PREFIX));
    await Promise.all(left.map((name) => rm(join(this.root, name), { recursive: true, force: true })));
  }
}
