import { describe, expect, it } from 'vitest';
import type { ApiVersion } from '../http/api-version.js';
import { decodeJson } from '../http/decode-json.js';
import { CreateContainerSchema } from '../schemas/create-container.js';
import { CREATE_CONTAINER_UPGRADES } from './create-container.js';
import { upgradeRequest } from './request-upgrade.js';

const MAC = '02:42:ac:11:00:22';

function upgraded(version: ApiVersion, body: object) {
  const wire = decodeJson(CreateContainerSchema, { Image: 'busybox', ...body });
  const warnings = upgradeRequest(wire, version, CREATE_CONTAINER_UPGRADES);
  return { ...wire, warnings };
}

const mount = (fields: object) => ({ HostConfig: { Mounts: [{ Target: '/x', ...fields }] } });
const endpoints = (EndpointsConfig: object, NetworkMode = 'bridge') => ({
  HostConfig: { NetworkMode },
  NetworkingConfig: { EndpointsConfig },
});

describe('create upgrades: fields by version', () => {
  it.each<[string, ApiVersion, ApiVersion, object, (body: ReturnType<typeof upgraded>) => unknown]>([
    ['NonRecursive', [1, 39], [1, 40], mount({ Type: 'bind', BindOptions: { NonRecursive: true } }), nonRecursive],
    ['ConsoleSize', [1, 41], [1, 42], { HostConfig: { ConsoleSize: [3, 4] } }, (b) => b.HostConfig?.ConsoleSize],
    ['CreateMountpoint', [1, 41], [1, 42], mount({ Type: 'bind', BindOptions: { CreateMountpoint: true } }), creates],
    ['Annotations', [1, 42], [1, 43], { HostConfig: { Annotations: { a: 'b' } } }, (b) => b.HostConfig?.Annotations],
    ['StartInterval', [1, 43], [1, 44], { Healthcheck: { StartInterval: 5 } }, (b) => b.Healthcheck?.StartInterval],
    ['endpoint MacAddress', [1, 43], [1, 44], endpoints({ bridge: { MacAddress: MAC } }), (b) => endpointMac(b)],
    ['GwPriority', [1, 47], [1, 48], endpoints({ bridge: { GwPriority: 4 } }), (b) => endpoint(b)?.GwPriority],
  ])('%s came', (_field, before, since, body, read) => {
    expect(read(upgraded(before, body))).toBeUndefined();
    expect(read(upgraded(since, body))).toBeTruthy();
  });

  it.each<[string, ApiVersion, ApiVersion]>([
    ['KernelMemory', [1, 41], [1, 42]],
    ['KernelMemoryTCP', [1, 51], [1, 52]],
  ])('%s went', (field, until, gone) => {
    expect(upgraded(until, { HostConfig: { [field]: 9 } }).HostConfig).toHaveProperty(field, 9);
    expect(upgraded(gone, { HostConfig: { [field]: 9 } }).HostConfig).not.toHaveProperty(field);
  });

  it.each([-1, 0])('a pids limit of %d is none', (PidsLimit) => {
    expect(upgraded([1, 51], { HostConfig: { PidsLimit } }).HostConfig).not.toHaveProperty('PidsLimit');
  });

  it.each(['', 'default', null])('network mode %j is the bridge', (NetworkMode) => {
    const body = upgraded([1, 51], {
      HostConfig: { NetworkMode },
      NetworkingConfig: { EndpointsConfig: { default: { Aliases: ['a'] } } },
    });
    expect(body.HostConfig?.NetworkMode).toBe('bridge');
    expect(body.NetworkingConfig?.EndpointsConfig).toEqual({ bridge: { Aliases: ['a'] } });
  });

  it('warns from 1.48 on of a volume driver that means nothing to mounts', () => {
    const body = (fields: object) => ({ HostConfig: { VolumeDriver: 'local', ...mount(fields).HostConfig } });
    expect(upgraded([1, 47], body({ Type: 'volume' })).warnings).toEqual([]);
    expect(upgraded([1, 48], body({ Type: 'volume' })).warnings).toEqual([
      "WARNING: the container-wide volume-driver configuration is ignored for volumes specified via 'mount'. Use '--mount type=volume,volume-driver=...' instead",
    ]);
    const driver = { VolumeOptions: { DriverConfig: { Name: 'local' } } };
    expect(upgraded([1, 48], body({ Type: 'volume', ...driver })).warnings).toEqual([]);
    expect(upgraded([1, 48], body({ Type: 'tmpfs' })).warnings).toEqual([]);
    expect(upgraded([1, 48], mount({ Type: 'volume' })).warnings).toEqual([]);
  });

  it('warns of empty port bindings from 1.52 on', () => {
    const body = { HostConfig: { PortBindings: { '80/tcp': [] } } };
    expect(upgraded([1, 51], body).warnings).toEqual([]);
    expect(upgraded([1, 52], body).warnings).toHaveLength(1);
  });
});

describe('create upgrades: what is refused', () => {
  it.each<[ApiVersion, ApiVersion, object, string]>([
    [
      [1, 43],
      [1, 44],
      endpoints({ bridge: {}, n: {} }),
      'Container cannot be created with multiple network endpoints: bridge, n',
    ],
    [
      [1, 43],
      [1, 44],
      mount({ Type: 'bind', BindOptions: { ReadOnlyForceRecursive: true } }),
      'BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer',
    ],
    [
      [1, 44],
      [1, 45],
      mount({ Type: 'volume', VolumeOptions: { Subpath: 'a' } }),
      'VolumeOptions.Subpath needs API v1.45 or newer',
    ],
    [[1, 47], [1, 48], mount({ Type: 'image' }), 'Mount type "Image" needs API v1.48 or newer'],
    [[1, 40], [1, 41], { HostConfig: { Capabilities: ['CHOWN'] } }, 'HostConfig.Capabilities is not supported'],
    [[1, 52], [1, 51], { MacAddress: MAC }, 'container-wide MAC address no longer supported'],
    [
      [1, 42],
      [1, 41],
      mount({ Type: 'bind', VolumeOptions: {} }),
      'VolumeOptions must not be specified on mount type "bind"',
    ],
    [
      [1, 51],
      [1, 41],
      mount({ Type: 'image', BindOptions: {} }),
      'BindOptions must not be specified on mount type "image"',
    ],
  ])('at %j, not at %j', (at, notAt, body, message) => {
    expect(() => upgraded(at, body)).toThrowError(message);
    if (message.includes('mount type "image"')) return; // older versions have no image mounts at all
    expect(() => upgraded(notAt, body)).not.toThrow();
  });
});

describe('create upgrades: the container-wide MAC address', () => {
  it('goes to the only endpoint, or to a new one, of a client below 1.44', () => {
    const alone = upgraded([1, 43], { MacAddress: MAC });
    expect(endpointMac(alone)).toBe(MAC);
    expect(alone.warnings).toEqual([]);
    expect(endpointMac(upgraded([1, 43], { MacAddress: MAC, ...endpoints({ n: {} }, 'm') }), 'n')).toBe(MAC);
  });

  it('goes to the endpoint of the network mode from 1.44 on, with a warning', () => {
    const body = upgraded([1, 44], { MacAddress: MAC, ...endpoints({ n: {}, m: {} }, 'm') });
    expect(endpointMac(body, 'm')).toBe(MAC);
    expect(endpointMac(body, 'n')).toBeUndefined();
    expect(body.warnings).toEqual([
      'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.',
    ]);
  });

  it('must fit from 1.44 on', () => {
    const other = { MacAddress: MAC, ...endpoints({ bridge: { MacAddress: '02:42:ac:11:00:23' } }) };
    expect(() => upgraded([1, 44], other)).toThrowError('must match the endpoint-specific MAC address');
    expect(() => upgraded([1, 44], { MacAddress: MAC, ...endpoints({ n: {} }, 'm') })).toThrowError(
      'unable to migrate container-wide MAC address to a specific network',
    );
  });

  it('is dropped where there is no endpoint', () => {
    const body = upgraded([1, 44], { MacAddress: MAC, HostConfig: { NetworkMode: 'none' } });
    expect(body).not.toHaveProperty('MacAddress');
    expect(() => upgraded([1, 43], { MacAddress: MAC, HostConfig: { NetworkMode: 'host' } })).toThrowError(
      'conflicting options: mac-address and the network mode',
    );
  });
});

type Upgraded = ReturnType<typeof upgraded>;

function endpoint(body: Upgraded, network = 'bridge') {
  return body.NetworkingConfig?.EndpointsConfig?.[network];
}

function endpointMac(body: Upgraded, network = 'bridge') {
  return endpoint(body, network)?.MacAddress;
}

function nonRecursive(body: Upgraded) {
  return body.HostConfig?.Mounts?.[0]?.BindOptions?.NonRecursive;
}

function creates(body: Upgraded) {
  return body.HostConfig?.Mounts?.[0]?.BindOptions?.CreateMountpoint;
}
