import { describe, expect, it } from 'vitest';
import { containerFromInspect, recording, recordings } from '../../../test/support/recorded-container.js';
import { applyGates } from '../compat/apply-gates.js';
import { CONTAINER_INSPECT_RESPONSE } from '../compat/container-inspect.js';
import type { ApiVersion } from '../http/api-version.js';
import type { Container } from '../../engine/containers/container.js';
import { fromContainer } from './container-inspect.js';

function inspected(container: Container, version: ApiVersion): any {
  const body = fromContainer(container, null);
  applyGates(CONTAINER_INSPECT_RESPONSE, version, body);
  return JSON.parse(JSON.stringify(body));
}

/** Below 1.45 dockerd adds the DNS names to the aliases; what was asked for is in the newest recording. */
function asked(file: string, body: any): Container {
  const container = containerFromInspect(body);
  const newest = recording(file.replace(/-v[\d.]+\.json$/, '-v1.51.json'));
  const networks = Object.entries(container.network.networks).map(([name, endpoint]) => {
    const aliases = newest.NetworkSettings.Networks[name].Aliases as string[] | null;
    return [name, { ...endpoint, aliases }];
  });
  return { ...container, network: { ...container.network, networks: Object.fromEntries(networks) } };
}

describe('inspect', () => {
  // `plain` was created without the CLI and so has null where the CLI sends empty lists.
  const fromCli = recordings('inspect-').filter(({ file }) => !file.startsWith('inspect-plain'));

  it.each(fromCli)('prints $file as dockerd does', ({ file, version, body }) => {
    expect(fromCli.length).toBeGreaterThan(15);
    expect(inspected(asked(file, body), version)).toEqual(body);
  });

  it('has all fields of a container that was created with nothing but an image', () => {
    const body = recording('inspect-plain-v1.51.json');
    const ours = inspected(containerFromInspect(body), [1, 51]);
    const emptied = ours.HostConfig;
    for (const [name, value] of Object.entries<any>(body.HostConfig)) {
      if (value === null && JSON.stringify(emptied[name]) === '[]') emptied[name] = null;
      if (name === 'PortBindings' && value === null) emptied[name] = null;
    }
    expect(ours).toEqual(body);
  });

  it('drops the flat network fields and the container-wide MAC address at 1.52', () => {
    const recorded = containerFromInspect(recording('inspect-cli-v1.51.json'));
    const bridge = { ...recorded.network.networks['bridge']!, macAddress: '02:42:ac:11:00:22' };
    const container = { ...recorded, network: { ...recorded.network, networks: { bridge } } };
    const at51 = inspected(container, [1, 51]);
    expect(at51.NetworkSettings.IPAddress).toBe('172.17.0.3');
    expect(at51.Config.MacAddress).toBe('02:42:ac:11:00:22');
    expect(at51.Config.OnBuild).toBeNull();
    const at52 = inspected(container, [1, 52]);
    expect(Object.keys(at52.NetworkSettings)).toEqual(['SandboxID', 'SandboxKey', 'Ports', 'Networks']);
    expect(at52.Config).not.toHaveProperty('MacAddress');
    expect(at52.Config).not.toHaveProperty('OnBuild');
  });

  it('shows kernel memory limits only to versions that have them', () => {
    const container = containerFromInspect(recording('inspect-cli-v1.51.json'));
    Object.assign(container.hostConfig, { kernelMemoryBytes: 5, kernelMemoryTcpBytes: 6 });
    expect(inspected(container, [1, 41]).HostConfig).toMatchObject({ KernelMemory: 5, KernelMemoryTCP: 6 });
    expect(inspected(container, [1, 42]).HostConfig).not.toHaveProperty('KernelMemory');
    expect(inspected(container, [1, 51]).HostConfig.KernelMemoryTCP).toBe(6);
    expect(inspected(container, [1, 52]).HostConfig).not.toHaveProperty('KernelMemoryTCP');
  });

  it('names the image manifest from 1.48 on, and sizes when asked', () => {
    const container = containerFromInspect(recording('inspect-cli-v1.51.json'));
    container.imageManifestDescriptor = {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: 'sha256:00',
      sizeBytes: 7,
      platform: { os: 'linux', architecture: 'amd64', variant: '' },
    };
    expect(inspected(container, [1, 47])).not.toHaveProperty('ImageManifestDescriptor');
    expect(inspected(container, [1, 48]).ImageManifestDescriptor).toEqual({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: 'sha256:00',
      size: 7,
      platform: { os: 'linux', architecture: 'amd64' },
    });
    expect(fromContainer(container, { rwBytes: 0, rootFsBytes: 9 })).toMatchObject({ SizeRw: 0, SizeRootFs: 9 });
  });
});
