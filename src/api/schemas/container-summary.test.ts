import { describe, expect, it } from 'vitest';
import {
  containerFromInspect,
  mountFromWire,
  recording,
  recordings,
} from '../../../test/support/recorded-container.js';
import { applyGates } from '../compat/apply-gates.js';
import { CONTAINER_LIST_RESPONSE } from '../compat/container-list.js';
import type { ApiVersion } from '../http/api-version.js';
import type { ContainerSummary } from '../../engine/containers/container.js';
import { fromContainerSummary } from './container-summary.js';

function listed(summary: ContainerSummary, version: ApiVersion): any {
  const body = [fromContainerSummary(summary)];
  applyGates(CONTAINER_LIST_RESPONSE, version, body);
  return JSON.parse(JSON.stringify(body))[0];
}

/** What the engine would say of a recorded row, with the container out of its recorded inspect. */
function summaryOf(row: any, inspectFile: string): ContainerSummary {
  const container = { ...containerFromInspect(recording(inspectFile)), mounts: row.Mounts.map(mountFromWire) };
  return {
    container,
    names: row.Names,
    statusText: row.Status,
    image: row.Image,
    command: row.Command,
    ports: row.Ports.map((port: any) => ({
      containerPort: port.PrivatePort,
      proto: port.Type,
      hostIp: port.IP ?? '',
      hostPort: port.PublicPort ?? 0,
    })),
    size: null,
  };
}

describe('list', () => {
  const names: Record<string, string> = { '/rm1': 'privileged', '/cc': 'joined' };
  const rows = recordings('list-').flatMap(({ version, body }) =>
    body.map((row: any) => ({ name: row.Names[0] as string, version, row })),
  );

  it.each(rows)('prints $name at $version as dockerd does', ({ name, version, row }) => {
    const file = `inspect-${names[name] ?? name.slice(1)}-v1.51.json`;
    expect(listed(summaryOf(row, file), version)).toEqual(row);
  });

  it('adds annotations, the manifest and health where the version has them', () => {
    const row = recording('list-v1.51.json').find((one: any) => one.Names[0] === '/rich');
    const summary = summaryOf(row, 'inspect-rich-v1.51.json');
    summary.container.imageManifestDescriptor = { mediaType: 'm', digest: 'd', sizeBytes: 1, platform: null };
    expect(listed(summary, [1, 45]).HostConfig).not.toHaveProperty('Annotations');
    expect(listed(summary, [1, 46]).HostConfig.Annotations).toEqual({ x: 'y' });
    expect(listed(summary, [1, 47])).not.toHaveProperty('ImageManifestDescriptor');
    expect(listed(summary, [1, 48]).ImageManifestDescriptor).toEqual({ mediaType: 'm', digest: 'd', size: 1 });
    expect(listed(summary, [1, 51])).not.toHaveProperty('Health');
    expect(listed(summary, [1, 52]).Health).toEqual({ Status: 'healthy', FailingStreak: 0 });
  });

  it('shows an exposed port without an address, and sizes that are not zero', () => {
    const row = recording('list-v1.51.json').find((one: any) => one.Names[0] === '/cli');
    const body = listed(
      {
        ...summaryOf(row, 'inspect-cli-v1.51.json'),
        ports: [{ containerPort: 80, proto: 'tcp', hostIp: '', hostPort: 0 }],
        size: { rwBytes: 0, rootFsBytes: 8 },
      },
      [1, 51],
    );
    expect(body.Ports).toEqual([{ PrivatePort: 80, Type: 'tcp' }]);
    expect(body.SizeRootFs).toBe(8);
    expect(body).not.toHaveProperty('SizeRw');
  });
});
