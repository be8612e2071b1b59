import { mkdirSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { formatVersion, MAX_API_VERSION } from './api/http/api-version.js';
import type { ApiServer, TlsOptions } from './api/http/server.js';
import { createApiServer } from './api/http/server.js';
import { ALL_ROUTES } from './api/routes/all-routes.js';
import type { LoadedConfig } from './config/load-config.js';
import type { DaemonConfig } from './config/options.js';
import type { DaemonPaths } from './config/paths.js';
import { daemonPaths } from './config/paths.js';
import { placeholder } from './daemon/placeholder.js';
import { systemSettings } from './daemon/system-settings.js';
import type { ContainerService } from './engine/containers/container-service.js';
import type { Engine } from './engine/engine.js';
import { EventBus } from './engine/events/event-bus.js';
import type { ExecService } from './engine/exec/exec-service.js';
import type { ImageService } from './engine/images/image-service.js';
import { NetworkService } from './engine/networks/network-service.js';
import { ComponentVersions } from './engine/system/component-versions.js';
import { System } from './engine/system/system.js';
import { Volumes } from './engine/volumes/volumes.js';
import { detectCgroups } from './host/cgroup/cgroup-layout.js';
import { RuntimeRegistry } from './host/oci/runtimes.js';
import { hostName, readHostFacts } from './host/system/host-facts.js';
import { VolumeDirectories } from './host/volumes/volume-directories.js';
import type { Logger } from './shared/logger.js';
import { ENGINE_VERSION } from './shared/version.js';
import { openDatabase } from './store/database.js';
import { MetaStore } from './store/meta.js';
import { VolumeStore } from './store/volumes.js';

/** The whole daemon; the only place that constructs its parts. Disposing stops it, and containers go on. */
export class Daemon implements AsyncDisposable {
  private readonly stack: (() => void | Promise<void>)[] = [];
  private engineId = '';
  private events: EventBus | null = null;

  private constructor(
    private config: DaemonConfig,
    private readonly paths: DaemonPaths,
    private readonly log: Logger,
  ) {}

  /** Resolves when the API is being served on every host. Nothing is left running when it throws. */
  static async start({ config, given }: LoadedConfig, log: Logger): Promise<Daemon> {
    const daemon = new Daemon(config, daemonPaths(config), log);
    try {
      const api = await daemon.build();
      await daemon.listen(api, !given.has('group'));
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Takes the new values of the reloadable options; they count for what is done from now on. */
  reload(next: DaemonConfig): void {
    this.config = { ...this.config, ...next };
    this.events?.emit({
      type: 'daemon',
      action: 'reload',
      actorId: this.engineId,
      attributes: { name: hostName(), debug: String(next.debug), labels: JSON.stringify(next.labels) },
    });
  }

  /** Stops in the reverse order of construction; every step is tried. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (let step = this.stack.pop(); step; step = this.stack.pop()) {
      try {
        await step();
      } catch (err) {
        this.log.error({ err }, 'a part of the daemon did not stop cleanly');
      }
    }
  }

  private async build(): Promise<ApiServer> {
    const { paths, log } = this;
    for (const path of [paths.execRoot, paths.netns, paths.bundles, paths.shims])
      mkdirSync(path, { recursive: true, mode: 0o711 });
    const db = openDatabase(paths.database, log);
    this.stack.push(() => db.close());
    this.engineId = new MetaStore(db).getOrCreate('engine-id', randomUUID);
    const events = (this.events = new EventBus());
    this.stack.push(() => events[Symbol.dispose]());

    const cgroups = detectCgroups();
    const settings = (): ReturnType<typeof systemSettings> => systemSettings(this.config, cgroups);
    const volumes = new Volumes({
      store: new VolumeStore(db),
      directories: new VolumeDirectories(paths.volumes),
      emit: events.emit,
      log: log.child({ part: 'volumes' }),
    });
    await volumes.reconcile();
    const images = placeholder<ImageService>('images');
    const containers = placeholder<ContainerService>('containers');
    const exec = placeholder<ExecService>('exec');
    const networks = new NetworkService();
    const system = new System({
      engineId: this.engineId,
      host: readHostFacts(),
      cgroups,
      api: { min: this.config.minApiVersion, max: formatVersion(MAX_API_VERSION) },
      events,
      versions: new ComponentVersions(log),
      settings,
      runtimes: () => this.runtimes(),
      containerStates: () => [],
      imageCount: () => 0,
      containers,
      images,
      volumes,
      layersSizeBytes: () => 0,
    });
    const engine: Engine = { containers, exec, images, networks, volumes, events, system };
    const facts = { version: ENGINE_VERSION, experimental: this.config.experimental, builderVersion: '1' } as const;
    const api = await createApiServer({ engine, logger: log.child({ part: 'api' }), facts, routes: ALL_ROUTES });
    this.stack.push(() => api.close());
    return api;
  }

  private async listen(api: ApiServer, groupIsDefault: boolean): Promise<void> {
    const { group, hosts } = this.config;
    for (const host of hosts) {
      for (const address of await api.listen(host, { tls: this.tls(), group, groupIsDefault })) {
        this.log.info(`API listen on ${address}`);
      }
    }
  }

  private tls(): TlsOptions | null {
    const { tls, tlsverify, tlscacert, tlscert, tlskey } = this.config;
    if (!tls) return null;
    return { verify: tlsverify, caPath: tlscacert === '' ? null : tlscacert, certPath: tlscert, keyPath: tlskey };
  }

  private runtimes(): RuntimeRegistry {
    const configured = Object.entries(this.config.runtimes).map(
      ([name, { path, runtimeArgs }]) => [name, { path, args: runtimeArgs }] as const,
    );
    return new RuntimeRegistry(Object.fromEntries(configured), this.config.defaultRuntime);
  }
}
