import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { formatVersion, MAX_API_VERSION, MIN_API_VERSION } from './api/http/api-version.js';
import type { ApiServer } from './api/http/server.js';
import { createApiServer } from './api/http/server.js';
import { ALL_ROUTES } from './api/routes/all-routes.js';
import type { LoadedConfig } from './config/load-config.js';
import type { DaemonConfig } from './config/options.js';
import type { DaemonPaths } from './config/paths.js';
import { daemonPaths } from './config/paths.js';
import { reloadedConfig } from './config/reload.js';
import { allDone } from './daemon/all-done.js';
import { IdleMemory } from './daemon/idle-memory.js';
import { containerDefaults } from './daemon/container-defaults.js';
import { Disposables } from './daemon/disposables.js';
import { listenOnHosts } from './daemon/listen.js';
import { networkOptions } from './daemon/network-options.js';
import { registryConfig } from './daemon/registry-config.js';
import { reloadAttributes } from './daemon/reload-attributes.js';
import { runtimeRegistry } from './daemon/runtimes.js';
import { shimBinary } from './daemon/shim-binary.js';
import { cdiSpecDirs, systemSettings } from './daemon/system-settings.js';
import { Containers } from './engine/containers/containers.js';
import { hostCapacity, ociPort, shimPort, snapshotPort } from './engine/containers/host-adapters.js';
import type { Engine } from './engine/engine.js';
import type { EmitEvent } from './engine/events/event.js';
import { EventBus } from './engine/events/event-bus.js';
import { Execs } from './engine/exec/execs.js';
import { Images } from './engine/images/images.js';
import { NetworkService } from './engine/networks/network-service.js';
import { ComponentVersions } from './engine/system/component-versions.js';
import type { SystemSettings } from './engine/system/system-settings.js';
import { System } from './engine/system/system.js';
import { Volumes } from './engine/volumes/volumes.js';
import { endArchiveWorkers } from './host/archive/archive-workers.js';
import { CdiRegistry } from './host/cdi/cdi-registry.js';
import { CgroupControl } from './host/cgroup/cgroup-control.js';
import { detectCgroups } from './host/cgroup/cgroup-layout.js';
import { QuickMoves } from './host/cgroup/quick-moves.js';
import { ContentStore } from './host/content/content-store.js';
import { DisabledFirewall } from './host/firewall/disabled-firewall.js';
import type { Firewall } from './host/firewall/firewall.js';
import { NftablesFirewall } from './host/firewall/nftables-firewall.js';
import type { RuntimeRegistry } from './host/oci/runtimes.js';
import { LayerStore } from './host/overlay/layer-store.js';
import { Snapshots } from './host/overlay/snapshots.js';
import { PortRelays } from './host/relay/port-relays.js';
import { Registries } from './host/registry/registries.js';
import { hostName, readHostFacts } from './host/system/host-facts.js';
import { askForI386 } from './host/sys/abis.js';
import { keepLittleFreedMemory } from './host/sys/malloc.js';
import { VolumeDirectories } from './host/volumes/volume-directories.js';
import type { Logger } from './shared/logger.js';
import { ENGINE_VERSION } from './shared/version.js';
import { ContainerStore } from './store/containers.js';
import type { WharfDatabase } from './store/database.js';
import { openDatabase } from './store/database.js';
import { SqliteImageRepository } from './store/images.js';
import { MetaStore } from './store/meta.js';
import { NetworkStore } from './store/networks.js';
import { VolumeStore } from './store/volumes.js';

/**
 * The whole daemon; the only place that constructs its parts, each after those that it stands on. Disposing stops it in the
 * reverse order, and containers go on.
 */
export class Daemon implements AsyncDisposable {
  private readonly paths: DaemonPaths;
  private readonly parts: Disposables;
  private readonly events = new EventBus();
  private readonly cgroups = detectCgroups();
  private readonly defaults: ReturnType<typeof containerDefaults>;
  private readonly registries: Registries;
  private registry: RuntimeRegistry;
  private settings: SystemSettings;
  private images: Images | null = null;
  private containers: Containers | null = null;
  private engineId = '';

  private constructor(
    private config: DaemonConfig,
    private readonly log: Logger,
  ) {
    this.paths = daemonPaths(config);
    this.parts = new Disposables(log);
    this.defaults = containerDefaults(config, this.cgroups);
    this.registries = new Registries(registryConfig(config), log.child({ part: 'registry' }));
    this.registry = runtimeRegistry(config);
    this.settings = systemSettings(config, this.cgroups);
  }

  /** Resolves when the API is being served on every host. Nothing is left running when it throws. */
  static async start({ config, given }: LoadedConfig, log: Logger): Promise<Daemon> {
    const daemon = new Daemon(config, log);
    try {
      const api = await daemon.build();
      await listenOnHosts(api, config, !given.has('group'), log);
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Takes the new values of the reloadable options; they count for what is done from now on. All are made before one is
   * taken: when it throws, nothing has changed.
   */
  reload(next: DaemonConfig): void {
    const config = reloadedConfig(this.config, next);
    const defaults = containerDefaults(config, this.cgroups);
    const registries = registryConfig(config);
    const runtimes = runtimeRegistry(config);
    const settings = systemSettings(config, this.cgroups);
    this.config = config;
    Object.assign(this.defaults, defaults);
    this.registries.reload(registries);
    this.images?.reload(config);
    this.containers?.reload();
    this.registry = runtimes;
    this.settings = settings;
    const attributes = { name: hostName(), ...reloadAttributes(config) };
    this.events.emit({ type: 'daemon', action: 'reload', actorId: this.engineId, attributes });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.parts[Symbol.asyncDispose]();
  }

  private async build(): Promise<ApiServer> {
    const { paths, log, events } = this;
    for (const path of [paths.execRoot, paths.netns, paths.bundles, paths.shims, paths.containers]) {
      mkdirSync(path, { recursive: true, mode: 0o711 });
    }
    keepLittleFreedMemory();
    const db = openDatabase(paths.database, log);
    this.parts.add('database', () => db.close());
    const idleMemory = new IdleMemory(() => db.dropCache());
    this.parts.add('idle memory', () => idleMemory[Symbol.dispose]());
    this.engineId = new MetaStore(db).getOrCreate('engine-id', randomUUID);
    this.parts.add('events', () => events[Symbol.dispose]());
    this.parts.add('archive workers', endArchiveWorkers);

    const volumes = await this.buildVolumes(db);
    const networks = this.buildNetworks(db);
    const layers = new LayerStore(paths.overlay2, (err) => log.warn({ err }, 'cannot remove files of a layer'));
    const images: Images = (this.images = this.buildImages(db, layers, (imageId) =>
      containers.context.registry
        .all()
        .filter((entry) => entry.uses(imageId))
        .map(({ container }) => ({ id: container.id, running: container.state.running })),
    ));
    const containers = (this.containers = this.buildContainers(db, layers, images, networks, volumes));
    const exec = new Execs(containers.context);
    const system = this.buildSystem(containers, images, volumes);
    const engine: Engine = { containers, exec, images, networks, volumes, events, system };
    const facts = { version: ENGINE_VERSION, experimental: this.config.experimental, builderVersion: '1' } as const;

    containers.load();
    networks.useContainers(containers.directory);
    // Networks wait for nft(8), and images for the disk; neither stands on the other.
    this.parts.add('networks', () => networks.shutdown());
    const [, , api] = await allDone([
      networks.init(),
      images.sweep(),
      createApiServer({
        engine,
        logger: log.child({ part: 'api' }),
        facts,
        routes: ALL_ROUTES,
        onConnection: () => containers.expectClient(),
      }),
      askForI386(),
    ]);
    await networks.reconcile(containers.runningIds());
    this.parts.add('containers', () => containers.shutdown());
    await containers.reconcile();
    await exec.recover();
    this.parts.add('api', () => api.close());
    return api;
  }

  private async buildVolumes(db: WharfDatabase): Promise<Volumes> {
    const volumes = new Volumes({
      store: new VolumeStore(db),
      directories: new VolumeDirectories(this.paths.volumes),
      emit: this.events.emit,
      log: this.log.child({ part: 'volumes' }),
    });
    await volumes.reconcile();
    return volumes;
  }

  private buildNetworks(db: WharfDatabase): NetworkService {
    const log = this.log.child({ part: 'networks' });
    return new NetworkService({
      options: networkOptions(this.config, this.paths.netns),
      repository: new NetworkStore(db),
      firewall: this.buildFirewall(log),
      relays: new PortRelays({
        binary: shimBinary(),
        socketPath: this.paths.relaySocket,
        logPath: this.paths.relayLog,
        log,
      }),
      emit: this.events.emit,
      log,
    });
  }

  private buildFirewall(log: Logger): Firewall {
    if (!this.config.iptables) return new DisabledFirewall();
    const firewall = new NftablesFirewall(log);
    firewall.watch();
    this.parts.add('firewall', () => firewall[Symbol.dispose]());
    return firewall;
  }

  private buildImages(
    db: WharfDatabase,
    layers: LayerStore,
    imageUsers: (imageId: string) => { id: string; running: boolean }[],
  ): Images {
    return new Images({
      repository: new SqliteImageRepository(db),
      content: new ContentStore(this.paths.content),
      layers,
      registries: this.registries,
      emit: this.events.emit,
      log: this.log.child({ part: 'images' }),
      imageUsers,
      maxConcurrentDownloads: this.config.maxConcurrentDownloads,
      maxConcurrentUploads: this.config.maxConcurrentUploads,
    });
  }

  private buildContainers(
    db: WharfDatabase,
    layers: LayerStore,
    images: Images,
    networks: NetworkService,
    volumes: Volumes,
  ): Containers {
    const { paths } = this;
    const log = this.log.child({ part: 'containers' });
    // An image that was deleted under its container goes with the last one.
    const emit: EmitEvent = (event) => {
      this.events.emit(event);
      if (event.type !== 'container' || event.action !== 'destroy') return;
      images.releaseRetired().catch((err: unknown) => log.error({ err }, 'could not remove a retired image'));
    };
    const imageSizeBytes = (containerId: string): number => {
      const imageId = containers.context.registry.get(containerId)?.container.imageId;
      return (imageId === undefined ? null : images.findRetained(imageId))?.sizeBytes ?? 0;
    };
    const quickMoves = new QuickMoves(this.cgroups, log);
    this.parts.add('moves between control groups', () => quickMoves[Symbol.asyncDispose]());
    const containers: Containers = new Containers(
      {
        paths: {
          containers: paths.containers,
          bundles: paths.bundles,
          sockets: paths.shims,
          views: paths.views,
          runtimeRoot: paths.runtimeState,
          dataRoot: paths.dataRoot,
        },
        defaults: this.defaults,
        repository: new ContainerStore(db),
        images,
        networks,
        volumes,
        snapshots: snapshotPort(new Snapshots(layers), imageSizeBytes),
        shims: shimPort(shimBinary(), log),
        oci: ociPort(() => this.registry),
        cdi: this.config.features.cdi === false ? null : new CdiRegistry(cdiSpecDirs(this.config), log),
        cgroups: new CgroupControl(this.cgroups),
        cgroupLayout: this.cgroups,
        quickMoves,
        emit,
        log,
      },
      hostCapacity(this.cgroups, log),
    );
    return containers;
  }

  private buildSystem(containers: Containers, images: Images, volumes: Volumes): System {
    return new System({
      engineId: this.engineId,
      host: readHostFacts(),
      cgroups: this.cgroups,
      api: { min: formatVersion(MIN_API_VERSION), max: formatVersion(MAX_API_VERSION) },
      events: this.events,
      versions: new ComponentVersions(this.log),
      settings: () => this.settings,
      runtimes: () => this.registry,
      containerStates: () => containers.context.registry.all().map(({ container }) => container.state.status),
      imageCount: () => images.store.all().length,
      layersSizeBytes: () => layersSizeBytes(images),
      containers,
      images,
      volumes,
    });
  }
}

/** Unpacked size of all layers, each once. */
function layersSizeBytes({ store }: Images): number {
  return [...store.liveChainIds()].reduce((sum, chainId) => sum + (store.layer(chainId)?.sizeBytes ?? 0), 0);
}
