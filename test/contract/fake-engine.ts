import type { Engine } from '../../src/engine/engine.js';
import type { EngineEvent } from '../../src/engine/events/event.js';
import type { Image } from '../../src/engine/images/image.js';
import type { NetworkDetails } from '../../src/engine/networks/model.js';
import type { EngineInfo, EngineVersion } from '../../src/engine/system/system-service.js';
import type { Volume } from '../../src/engine/volumes/volume.js';
import { notFound } from '../../src/shared/errors.js';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const CREATED = '2026-11-21T01:49:36.588966573Z';

export const image: Image = {
  id: DIGEST,
  parentId: '',
  created: CREATED,
  author: '',
  comment: 'Imported from -',
  dockerVersion: '',
  platform: { os: 'linux', architecture: 'amd64', variant: '', osVersion: '' },
  config: {
    user: '',
    exposedPorts: ['80/tcp'],
    env: ['PATH=/bin'],
    cmd: ['sh'],
    entrypoint: null,
    volumes: [],
    workingDir: '',
    labels: {},
    stopSignal: '',
    healthcheck: null,
    onBuild: null,
    shell: null,
    argsEscaped: false,
  },
  diffIds: [DIGEST],
  chainIds: [DIGEST],
  history: [],
  sizeBytes: 1982277,
  repoTags: ['bb:1'],
  repoDigests: [],
  descriptor: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: DIGEST, sizeBytes: 500 },
  lastTagTime: null,
};

export const untagged: Image = { ...image, repoTags: [], repoDigests: [] };

export const volume: Volume = {
  name: 'v',
  driver: 'local',
  mountpoint: '/var/lib/wharfd/volumes/v/_data',
  createdAt: '2026-11-21T01:48:53Z',
  labels: { a: 'b' },
  options: {},
  scope: 'local',
  anonymous: false,
};

export const network: NetworkDetails = {
  id: 'b'.repeat(64),
  name: 'n',
  created: CREATED,
  scope: 'local',
  driver: 'bridge',
  enableIpv4: true,
  enableIpv6: false,
  internal: false,
  attachable: false,
  ingress: false,
  configOnly: false,
  configFrom: '',
  ipam: {
    driver: 'default',
    options: null,
    config: [{ subnet: '172.18.0.0/16', ipRange: '', gateway: '172.18.0.1', auxiliaryAddresses: {} }],
  },
  options: {},
  labels: {},
  automaticPools: true,
  bridgeName: 'br-bbbbbbbbbbbb',
  ownsBridge: true,
  members: [
    {
      containerId: 'c'.repeat(64),
      containerName: 'web',
      endpointId: 'e'.repeat(64),
      macAddress: '02:42:ac:12:00:02',
      ipv4Address: '172.18.0.2/16',
      ipv6Address: '',
    },
  ],
};

const version: EngineVersion = {
  version: '29.0.0+wharfd.0.1.0',
  platformName: 'wharfd',
  gitCommit: 'abc',
  goVersion: 'node20',
  os: 'linux',
  arch: 'amd64',
  kernelVersion: '6.18',
  buildTime: '2026-09-15T11:02:57.000000000+00:00',
  experimental: false,
  components: [{ name: 'runc', version: '1.1.0', details: { GitCommit: 'x' } }],
};

const info: EngineInfo = {
  id: 'id',
  containers: 1,
  containersRunning: 1,
  containersPaused: 0,
  containersStopped: 0,
  images: 1,
  driver: 'overlay2',
  driverStatus: [['Backing Filesystem', 'extfs']],
  plugins: { volume: ['local'], network: ['bridge'], authorization: null, log: ['json-file'] },
  memoryLimit: true,
  swapLimit: true,
  cpuCfsPeriod: true,
  cpuCfsQuota: true,
  cpuShares: true,
  cpuSet: true,
  pidsLimit: true,
  oomKillDisable: true,
  ipv4Forwarding: true,
  debug: false,
  openFiles: 10,
  tasks: 1,
  systemTime: CREATED,
  loggingDriver: 'json-file',
  cgroupDriver: 'cgroupfs',
  cgroupVersion: '1',
  eventListeners: 0,
  kernelVersion: '6.18',
  operatingSystem: 'Debian',
  osVersion: '12',
  architecture: 'x86_64',
  cpus: 2,
  memTotalBytes: 25276518400,
  indexServerAddress: 'https://index.docker.io/v1/',
  registryMirrors: [],
  insecureRegistryCidrs: ['127.0.0.0/8'],
  insecureRegistryHosts: ['reg:5000'],
  dockerRootDir: '/var/lib/wharfd',
  httpProxy: '',
  httpsProxy: '',
  noProxy: '',
  name: 'vm',
  labels: [],
  experimentalBuild: false,
  serverVersion: '29.0.0',
  runtimes: { runc: { path: 'runc', runtimeArgs: [], status: { a: '{}' } } },
  defaultRuntime: 'runc',
  liveRestoreEnabled: true,
  initBinary: 'docker-init',
  containerdCommit: '',
  runcCommit: 'x',
  initCommit: '',
  securityOptions: ['name=seccomp,profile=builtin'],
  defaultAddressPools: [{ base: '172.17.0.0/16', size: 16 }],
  firewallBackend: { driver: 'nftables', info: [] },
  cdiSpecDirs: ['/etc/cdi'],
  warnings: [],
};

export const event: EngineEvent = {
  type: 'container',
  action: 'start',
  scope: 'local',
  actorId: 'c'.repeat(64),
  attributes: { image: 'bb:1', name: 'web' },
  timeNs: 1_795_225_777_011_562_349n,
};

/** An engine with one of everything and no containers, for what the API makes of it. Anything else it is asked throws. */
export function fakeEngine(): Engine {
  const services = {
    images: {
      list: async () => [
        { image, sharedSizeBytes: -1, containers: 2 },
        { image: untagged, sharedSizeBytes: -1, containers: 0 },
      ],
      forPlatform: async (ref: string) => {
        if (ref === 'nosuch') throw notFound('No such image: nosuch:latest');
        return image;
      },
      graphDriver: () => ({ name: 'overlay2', data: { UpperDir: '/x' } }),
      history: async () => [
        { id: DIGEST, createdUnixSec: 1795225776, createdBy: 'x', tags: ['bb:1'], sizeBytes: 1, comment: '' },
      ],
      remove: async () => [{ untagged: 'bb:1' }, { deleted: DIGEST }],
      prune: async () => ({ deleted: [], spaceReclaimedBytes: 0 }),
      tag: () => undefined,
      login: async () => ({ status: 'Login Succeeded', identityToken: '' }),
    },
    volumes: {
      list: () => ({ volumes: [volume], warnings: [] }),
      inspect: () => volume,
      create: async () => volume,
      remove: async () => undefined,
      prune: async (filters: ReadonlyMap<string, readonly string[]>) => ({
        deleted: filters.has('all') ? ['v'] : [],
        spaceReclaimedBytes: 0,
      }),
    },
    networks: {
      list: () => [network],
      inspect: () => network,
      create: async () => ({ id: network.id, warning: '' }),
      prune: async () => ({ deleted: ['n'] }),
      remove: async () => undefined,
      connect: async () => undefined,
    },
    system: {
      version: async () => version,
      info: async () => info,
      diskUsage: async () => ({
        layersSizeBytes: 1982277,
        images: [{ image, sharedSizeBytes: 0, containers: 1 }],
        containers: [],
        volumes: [{ volume, sizeBytes: 10, refCount: 0 }],
      }),
    },
    events: {
      subscribe: async function* () {
        yield event;
        yield { ...event, type: 'image', action: 'create' };
      },
      listenerCount: 0,
    },
  };
  return services as unknown as Engine;
}
