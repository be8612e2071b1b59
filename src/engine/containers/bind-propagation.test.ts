import { describe, expect, it } from 'vitest';
import { parseMountInfo } from '../../host/sys/mount.js';
import { possiblePropagation } from './bind-propagation.js';
import type { MountPropagation } from './container-config.js';
import { plainMount } from './planned-mount.js';

const host = (): ReturnType<typeof parseMountInfo> =>
  parseMountInfo(
    [
      '1 0 8:1 / / rw - ext4 /dev/a rw',
      '2 1 8:2 / /usr rw shared:7 - ext4 /dev/b rw',
      '3 1 8:3 / /etc rw master:7 - ext4 /dev/c rw',
    ].join('\n'),
  );
const possible = (source: string, propagation: MountPropagation, isDefaultPropagation = false): string =>
  possiblePropagation(plainMount('bind', '/x', { source, propagation, isDefaultPropagation }), host);

describe('possiblePropagation', () => {
  it.each<[string, MountPropagation]>([
    ['/usr/bin', 'rshared'],
    ['/usr', 'slave'],
    ['/etc', 'rslave'],
    ['/', 'rprivate'],
    ['/', ''],
  ])('lets %s be %s', (source, propagation) => expect(possible(source, propagation)).toBe(propagation));

  it.each<[string, MountPropagation, string]>([
    ['/', 'shared', 'path / is mounted on / but it is not a shared mount'],
    ['/', 'rslave', 'path / is mounted on / but it is not a shared or slave mount'],
    ['/etc', 'rshared', 'path /etc is mounted on /etc but it is not a shared mount'],
  ])('refuses to make %s %s', (source, propagation, text) => {
    expect(() => possible(source, propagation)).toThrow(text);
  });

  it('gives a default up where it is not possible', () => {
    expect(possible('/', 'rslave', true)).toBe('rprivate');
    expect(possible('/usr', 'rslave', true)).toBe('rslave');
  });
});
