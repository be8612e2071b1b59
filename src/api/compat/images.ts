import type { WireImage } from '../schemas/image-inspect.js';
import type { WireImageSummary } from '../schemas/image-summary.js';
import type { VersionGate } from './version-gate.js';

/** Source: Engine API changelog. */
export const IMAGE_LIST_RESPONSE: readonly VersionGate[] = [
  { below: '1.43', change: (images: WireImageSummary[]) => images.forEach(nameUntagged) },
  { path: '[].VirtualSize', until: '1.43' },
  { path: '[].Descriptor', since: '1.48' },
  { path: '[].Containers', below: '1.51', set: -1 },
];

/** Source: Engine API changelog. */
export const IMAGE_INSPECT_RESPONSE: readonly VersionGate[] = [
  { path: 'VirtualSize', until: '1.43' },
  { path: 'Container', until: '1.44' },
  { path: 'ContainerConfig', until: '1.44' },
  { path: 'Descriptor', since: '1.48' },
  ...[
    'Hostname',
    'Domainname',
    'AttachStdin',
    'AttachStdout',
    'AttachStderr',
    'Tty',
    'OpenStdin',
    'StdinOnce',
    'Image',
  ].map((field) => ({ path: `Config.${field}`, until: '1.49' }) as const),
  { since: '1.52', change: omitEmptyFields },
];

function nameUntagged(image: WireImageSummary): void {
  if (image.RepoTags.length > 0 || image.RepoDigests.length > 0) return;
  image.RepoTags = ['<none>:<none>'];
  image.RepoDigests = ['<none>@<none>'];
}

function omitEmptyFields(image: WireImage): void {
  dropEmpty(image, ['Parent', 'Comment', 'DockerVersion', 'Author']);
  dropEmpty(image.Config, ['Cmd', 'Entrypoint', 'Env', 'Labels', 'OnBuild', 'User', 'Volumes', 'WorkingDir']);
}

function dropEmpty(owner: object, fields: readonly string[]): void {
  const values = owner as Record<string, unknown>;
  for (const field of fields) {
    const value = values[field];
    if (value === null || value === '' || (Array.isArray(value) && value.length === 0)) delete values[field];
  }
}
