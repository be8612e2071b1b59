import { describe, expect, it } from 'vitest';
import { containerFromInspect, recordings } from '../../../test/support/recorded-container.js';
import { CREATE_CONTAINER_UPGRADES } from '../compat/create-container.js';
import { upgradeRequest } from '../compat/request-upgrade.js';
import type { ApiVersion } from '../http/api-version.js';
import { decodeJson } from '../http/decode-json.js';
import { fromContainer } from './container-inspect.js';
import { CreateContainerSchema, toCreateContainerRequest } from './create-container.js';

/** What the create route makes of a body. */
function created(body: unknown, version: ApiVersion = [1, 51]) {
  const wire = decodeJson(CreateContainerSchema, body);
  const warnings = upgradeRequest(wire, version, CREATE_CONTAINER_UPGRADES);
  return { ...toCreateContainerRequest(wire, { name: 'n', platform: '' }, version), warnings };
}

const host = (HostConfig: object, version?: ApiVersion) => created({ Image: 'busybox', HostConfig }, version);

describe('create', () => {
  const inspects = recordings('inspect-').filter(({ file }) => file.endsWith('v1.51.json'));

  it.each(inspects)('takes $file back without loss', ({ body }) => {
    const request = created({
      ...body.Config,
      HostConfig: body.HostConfig,
      NetworkingConfig: { EndpointsConfig: body.NetworkSettings.Networks },
    });
    const original = containerFromInspect(body);
    expect(request.config).toEqual(original.config);
    expect(request.hostConfig).toEqual(original.hostConfig);
    expect(Object.keys(request.endpoints)).toEqual(Object.keys(body.NetworkSettings.Networks));
    const again = fromContainer({ ...original, config: request.config, hostConfig: request.hostConfig }, null);
    expect(again).toEqual(fromContainer(original, null));
  });

  it('takes null for any field', () => {
    const nulls = Object.fromEntries(Object.keys(CreateContainerSchema.properties).map((name) => [name, null]));
    const hostNulls = Object.fromEntries(
      Object.keys(CreateContainerSchema.properties.HostConfig.properties).map((name) => [name, null]),
    );
    expect(created({ ...nulls, Image: 'busybox' })).toEqual(created({ Image: 'busybox' }));
    expect(host(hostNulls)).toEqual(created({ Image: 'busybox' }));
  });

  it('takes nulls inside maps and lists as empty values', () => {
    const request = created({
      Image: 'busybox',
      ExposedPorts: { '80/tcp': null },
      Volumes: { '/data': null },
      Labels: { a: null },
      Env: ['A=b', null],
      HostConfig: { PortBindings: { '80/tcp': null, '81/tcp': [null] } },
      NetworkingConfig: { EndpointsConfig: { bridge: null } },
    });
    expect(request.config).toMatchObject({
      exposedPorts: ['80/tcp'],
      volumes: ['/data'],
      labels: { a: '' },
      env: ['A=b', ''],
    });
    expect(request.hostConfig.portBindings).toEqual({ '80/tcp': [], '81/tcp': [{ hostIp: '', hostPort: '' }] });
    expect(request.endpoints['bridge']).toMatchObject({ aliases: null, macAddress: '' });
  });

  it('ignores unknown fields and the case of names', () => {
    expect(created({ image: 'busybox', Nonsense: { a: 1 }, hostconfig: { memory: 5 } })).toMatchObject({
      config: { image: 'busybox' },
      hostConfig: { memoryBytes: 5 },
    });
  });

  it('takes a lone string where a command is a list', () => {
    const request = created({ Cmd: 'echo hi', Entrypoint: '', Shell: ['sh', '-c'], HostConfig: { CapAdd: 'ALL' } });
    expect(request.config).toMatchObject({ cmd: ['echo hi'], entrypoint: [''], shell: ['sh', '-c'] });
    expect(request.hostConfig.capAdd).toEqual(['ALL']);
  });

  it('tells lists that are empty from lists that are absent', () => {
    expect(created({ Image: 'a' }).config).toMatchObject({ cmd: null, entrypoint: null });
    expect(created({ Image: 'a', Cmd: [], Entrypoint: [] }).config).toMatchObject({ cmd: [], entrypoint: [] });
    expect(host({ MaskedPaths: [] }).hostConfig).toMatchObject({ maskedPaths: [], readonlyPaths: null });
  });

  it.each([
    [-1, null],
    [0, 0],
  ])('takes a swappiness of %d as %s', (MemorySwappiness, taken) => {
    expect(host({ MemorySwappiness }).hostConfig.memorySwappiness).toBe(taken);
  });

  it('names the protocol of ports and unfolds ranges', () => {
    const request = created({ ExposedPorts: { '81': {}, '82-83/UDP': {}, x: {} } });
    expect(request.config.exposedPorts).toEqual(['81/tcp', '82/udp', '83/udp', 'x']);
    expect(host({ PortBindings: { '81': [{}] } }).hostConfig.portBindings).toHaveProperty('81/tcp');
  });

  it.each([
    [{ Image: 5 }, /cannot unmarshal number/],
    [{ Cmd: [1] }, /cannot unmarshal/],
    [{ Cmd: {} }, /cannot unmarshal object/],
    [{ Env: 'a' }, /cannot unmarshal string .*Env of type \[\]string/],
    [{ ExposedPorts: ['80'] }, /cannot unmarshal array/],
    [{ HostConfig: { Memory: 1.5 } }, /cannot unmarshal number 1.5 .*HostConfig.Memory of type int64/],
    [{ HostConfig: { Memory: '1' } }, /cannot unmarshal string .*HostConfig.Memory of type int64/],
    [{ HostConfig: { Privileged: 1 } }, /of type bool/],
    [{ HostConfig: { ConsoleSize: [1, -2] } }, /of type uint/],
    [{ HostConfig: { PortBindings: { '80/tcp': [{ HostPort: 8080 }] } } }, /80~1tcp.0.HostPort of type string/],
    [
      { Image: 'a', HostConfig: { Mounts: [{ Type: 'bind', BindOptions: { Propagation: 'foo' } }] } },
      /^invalid mount config for type "bind": invalid propagation mode: foo$/,
    ],
    [{}, /^config cannot be empty/],
    [{ HostConfig: {} }, /^config cannot be empty/],
  ])('refuses %j', (body, message) => {
    const full =
      'HostConfig' in body && !('Image' in body) && Object.keys(body.HostConfig).length ? { Image: 'a' } : {};
    expect(() => created({ ...full, ...body })).toThrowError(message);
  });
});
