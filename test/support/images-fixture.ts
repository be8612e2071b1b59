import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EngineEvent } from '../../src/engine/events/event.js';
import { Images } from '../../src/engine/images/images.js';
import type { ImageUser } from '../../src/engine/images/image-context.js';
import type { Progress } from '../../src/engine/images/image-service.js';
import { ContentStore } from '../../src/host/content/content-store.js';
import { LayerStore } from '../../src/host/overlay/layer-store.js';
import { NO_PROXIES, type ProxySettings } from '../../src/host/registry/proxy.js';
import { Registries } from '../../src/host/registry/registries.js';
import { silentLogger } from '../../src/shared/logger.js';
import { openDatabase, type WharfDatabase } from '../../src/store/database.js';
import { SqliteImageRepository } from '../../src/store/images.js';

/** Images on a directory of their own, with everything real but the containers. */
export class ImagesFixture implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), 'images-'));
  readonly events: Omit<EngineEvent, 'timeNs' | 'scope'>[] = [];
  readonly progress: Progress[] = [];
  users: Record<string, ImageUser[]> = {};
  mirrors: string[] = [];
  insecureRegistries: string[] = [];
  proxies = NO_PROXIES;
  content!: ContentStore;
  layers!: LayerStore;
  registries!: Registries;
  images!: Images;
  private database!: WharfDatabase;

  constructor(options: { mirrors?: string[]; insecureRegistries?: string[]; proxies?: ProxySettings } = {}) {
    this.mirrors = options.mirrors ?? [];
    this.insecureRegistries = options.insecureRegistries ?? [];
    this.proxies = options.proxies ?? NO_PROXIES;
    this.open();
  }

  /** Opens everything again, as a new process would. */
  reopen(): void {
    this.close();
    this.open();
  }

  readonly report = (message: Progress): void => void this.progress.push(message);

  /** What was reported, without repeats: `id status`. */
  get lines(): string[] {
    const lines = this.progress.map((message) => {
      const text = message.status ?? message.stream ?? '';
      return message.id === undefined ? text : `${message.id} ${text}`;
    });
    return lines.filter((line, i) => lines.indexOf(line) === i);
  }

  /** Names of everything on disk that belongs to images, once what is on its way out is gone: nothing must be left of what failed. */
  async leftovers(): Promise<{ blobs: string[]; ingest: string[]; layers: string[] }> {
    await this.layers.trash.settled();
    const list = (path: string): string[] => readdirSync(join(this.root, path)).sort();
    return {
      blobs: list('content/blobs/sha256'),
      ingest: list('content/ingest'),
      layers: list('overlay2').filter((name) => name !== 'l'),
    };
  }

  [Symbol.dispose](): void {
    this.close();
    rmSync(this.root, { recursive: true, force: true });
  }

  private open(): void {
    this.database = openDatabase(join(this.root, 'state.db'), silentLogger);
    this.content = new ContentStore(join(this.root, 'content'));
    this.layers = new LayerStore(join(this.root, 'overlay2'));
    this.registries = new Registries(
      {
        mirrors: this.mirrors,
        insecureRegistries: this.insecureRegistries,
        certsDir: join(this.root, 'certs.d'),
        userAgent: 'test',
        proxies: this.proxies,
        maxDownloadAttempts: 3,
      },
      silentLogger,
    );
    this.images = new Images({
      repository: new SqliteImageRepository(this.database),
      content: this.content,
      layers: this.layers,
      registries: this.registries,
      emit: (event) => void this.events.push(event),
      log: silentLogger,
      imageUsers: (imageId) => this.users[imageId] ?? [],
      maxConcurrentDownloads: 3,
      maxConcurrentUploads: 5,
    });
  }

  private close(): void {
    this.registries[Symbol.dispose]();
    this.database.close();
  }
}
