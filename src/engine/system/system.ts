import type { CgroupLayout } from '../../host/cgroup/cgroup-layout.js';
import { cgroupLimits } from '../../host/cgroup/cgroup-limits.js';
import type { RuntimeRegistry } from '../../host/oci/runtimes.js';
import { findExecutable } from '../../host/oci/runtimes.js';
import type { HostFacts } from '../../host/system/host-facts.js';
import {
  backingFileSystem,
  hasAppArmor,
  hostName,
  ipv4Forwarding,
  openFileCount,
} from '../../host/system/host-facts.js';
import { buildInfo, COMPAT_VERSION, ENGINE_VERSION, WHARFD_VERSION } from '../../shared/version.js';
import type { ContainerStatus } from '../containers/container.js';
import type { Events } from '../events/event-bus.js';
import type { ComponentVersions } from './component-versions.js';
import type { DiskUsageSources } from './disk-usage.js';
import { DiskUsageReader } from './disk-usage.js';
import { infoWarnings, securityOptions, splitInsecureRegistries } from './info-parts.js';
import type { DiskUsage, DiskUsageType, EngineInfo, EngineVersion, SystemService } from './system-service.js';
import type { SystemSettings } from './system-settings.js';

/** A runtime that hangs must not keep `info` from the rest. */
const VERSIONS_WAIT_MS = 1000;
const INDEX_SERVER = 'https://index.docker.io/v1/';

export interface SystemDeps extends DiskUsageSources {
  engineId: string;
  host: HostFacts;
  cgroups: CgroupLayout;
  /** Oldest and newest version of the API, for clients that read them in the Engine component. */
  api: { min: string; max: string };
  events: Pick<Events, 'listenerCount'>;
  versions: ComponentVersions;
  /** What can change while the daemon runs is asked each time. */
  settings: () => SystemSettings;
  runtimes: () => RuntimeRegistry;
  containerStates: () => Iterable<ContainerStatus>;
  imageCount: () => number;
}

/** What `info`, `version` and `df` tell. */
export class System implements SystemService {
  private readonly usage: DiskUsageReader;
  private readonly limits: ReturnType<typeof cgroupLimits>;
  private readonly driverStatus: [string, string][];
  private readonly appArmor = hasAppArmor();
  /** Where the runtimes of a registry are; looking through $PATH for each `info` would be most of its cost. */
  private readonly found = new WeakMap<RuntimeRegistry, Map<string, string>>();

  constructor(private readonly deps: SystemDeps) {
    this.usage = new DiskUsageReader(deps);
    this.limits = cgroupLimits(deps.cgroups);
    this.driverStatus = [
      ['Backing Filesystem', backingFileSystem(deps.settings().dataRoot)],
      ['Supports d_type', 'true'],
      ['Using metacopy', 'false'],
      ['Native Overlay Diff', 'true'],
      ['userxattr', 'false'],
    ];
  }

  async version(): Promise<EngineVersion> {
    await this.askVersions();
    const { host, api, versions } = this.deps;
    const { gitCommit, buildTime } = buildInfo();
    const experimental = this.deps.settings().experimental;
    const goVersion = `node${process.versions.node}`;
    const runc = this.runcFacts();
    const engine = {
      ApiVersion: api.max,
      Arch: host.goArch,
      BuildTime: buildTime,
      Experimental: String(experimental),
      GitCommit: gitCommit,
      GoVersion: goVersion,
      KernelVersion: host.kernelVersion,
      MinAPIVersion: api.min,
      Os: 'linux',
    };
    const init = versions.initProgram;
    return {
      version: ENGINE_VERSION,
      platformName: `wharfd ${WHARFD_VERSION}`,
      gitCommit,
      goVersion,
      os: 'linux',
      arch: host.goArch,
      kernelVersion: host.kernelVersion,
      buildTime,
      experimental,
      components: [
        { name: 'Engine', version: ENGINE_VERSION, details: engine },
        { name: 'wharfd', version: WHARFD_VERSION, details: { GitCommit: gitCommit, CompatibleWith: COMPAT_VERSION } },
        { name: 'wharf-shim', version: WHARFD_VERSION, details: { GitCommit: gitCommit } },
        { name: 'runc', version: runc.version, details: { GitCommit: runc.commit } },
        { name: 'docker-init', version: init.version, details: { GitCommit: init.commit } },
      ],
    };
  }

  async info(): Promise<EngineInfo> {
    await this.askVersions();
    const settings = this.deps.settings();
    const { host, cgroups, versions } = this.deps;
    const forwarding = ipv4Forwarding();
    const insecure = splitInsecureRegistries(settings.insecureRegistries);
    return {
      id: this.deps.engineId,
      ...this.counts(),
      images: this.deps.imageCount(),
      driver: 'overlay2',
      driverStatus: this.driverStatus,
      plugins: {
        volume: ['local'],
        network: ['bridge', 'host', 'ipvlan', 'macvlan', 'null'],
        authorization: null,
        log: settings.logDrivers,
      },
      ...this.limits,
      ipv4Forwarding: forwarding,
      debug: settings.debug,
      openFiles: openFileCount(),
      tasks: process.getActiveResourcesInfo().length,
      systemTime: new Date().toISOString(),
      loggingDriver: settings.loggingDriver,
      cgroupDriver: settings.cgroupDriver,
      cgroupVersion: cgroups.version === 2 ? '2' : '1',
      eventListeners: this.deps.events.listenerCount,
      kernelVersion: host.kernelVersion,
      operatingSystem: host.operatingSystem,
      osVersion: host.osVersion,
      architecture: host.machine,
      cpus: host.cpus,
      memTotalBytes: host.memoryBytes,
      indexServerAddress: INDEX_SERVER,
      registryMirrors: settings.registryMirrors,
      insecureRegistryCidrs: insecure.cidrs,
      insecureRegistryHosts: insecure.hosts,
      dockerRootDir: settings.dataRoot,
      httpProxy: settings.httpProxy,
      httpsProxy: settings.httpsProxy,
      noProxy: settings.noProxy,
      name: hostName(),
      labels: settings.labels,
      experimentalBuild: settings.experimental,
      serverVersion: ENGINE_VERSION,
      runtimes: this.runtimes(),
      defaultRuntime: this.deps.runtimes().defaultName,
      liveRestoreEnabled: true,
      initBinary: settings.initPath?.split('/').at(-1) ?? '',
      containerdCommit: '',
      runcCommit: this.runcFacts().commit,
      initCommit: versions.initProgram.commit,
      securityOptions: securityOptions(settings, this.appArmor),
      defaultAddressPools: settings.addressPools,
      firewallBackend: { driver: 'nftables', info: [] },
      cdiSpecDirs: settings.cdiSpecDirs,
      warnings: infoWarnings(settings, this.limits, cgroups.version, forwarding),
    };
  }

  diskUsage(types: ReadonlySet<DiskUsageType>, signal: AbortSignal): Promise<DiskUsage> {
    return this.usage.read(types, signal);
  }

  private counts(): Pick<EngineInfo, 'containers' | 'containersRunning' | 'containersPaused' | 'containersStopped'> {
    const counts = { containers: 0, containersRunning: 0, containersPaused: 0, containersStopped: 0 };
    for (const status of this.deps.containerStates()) {
      counts.containers += 1;
      if (status === 'paused') counts.containersPaused += 1;
      else if (status === 'running' || status === 'restarting') counts.containersRunning += 1;
      else counts.containersStopped += 1;
    }
    return counts;
  }

  private runtimes(): EngineInfo['runtimes'] {
    const registry = this.deps.runtimes();
    return Object.fromEntries(
      registry.names.map((name) => {
        const { path = '', args = [] } = registry.config(name) ?? {};
        const features = this.deps.versions.runtime(this.runtimePaths().get(name) ?? path)?.features;
        const status = features ? { 'org.opencontainers.runtime-spec.features': features } : {};
        return [name, { path, runtimeArgs: args, status: status as Record<string, string> }];
      }),
    );
  }

  /** The first time it takes some processes, and so not at the daemon's start. */
  private async askVersions(): Promise<void> {
    const { versions, settings } = this.deps;
    versions.refresh([...this.runtimePaths().values()], settings().initPath);
    await versions.settled(VERSIONS_WAIT_MS);
  }

  /** By name; those that are not installed are left out. */
  private runtimePaths(): ReadonlyMap<string, string> {
    const registry = this.deps.runtimes();
    let paths = this.found.get(registry);
    if (!paths) {
      paths = new Map();
      for (const name of registry.names) {
        const path = findExecutable(registry.config(name)?.path ?? '');
        if (path !== null) paths.set(name, path);
      }
      this.found.set(registry, paths);
    }
    return paths;
  }

  private runcFacts(): { version: string; commit: string } {
    const path = this.runtimePaths().get('runc');
    return (path === undefined ? null : this.deps.versions.runtime(path)) ?? { version: '', commit: '' };
  }
}
