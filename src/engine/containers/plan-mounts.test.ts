import { describe, expect, it } from 'vitest';
import { planBind } from './bind-spec.js';
import type { MountSpec } from './container-config.js';
import { planMount } from './mount-spec.js';

const spec = (more: Partial<MountSpec>): MountSpec => ({
  type: 'bind',
  source: '',
  target: '/x',
  readOnly: false,
  consistency: '',
  bindOptions: null,
  volumeOptions: null,
  tmpfsOptions: null,
  imageOptions: null,
  ...more,
});
const bind = {
  propagation: '' as const,
  nonRecursive: false,
  createMountpoint: false,
  readOnlyNonRecursive: false,
  readOnlyForceRecursive: false,
};
const volume = { noCopy: false, labels: {}, driverConfig: null, subpath: '' };
const tmpfs = { sizeBytes: 0, mode: 0, options: [] as string[][] };

describe('planMount', () => {
  it.each([
    [{ type: 'foo' }, 'invalid mount config for type "foo": mount type unknown'],
    [{ target: '', source: '/tmp' }, 'invalid mount config for type "bind": field Target must not be empty'],
    [
      { source: '/tmp', target: 'x' },
      `invalid mount config for type "bind": invalid mount path: 'x' mount path must be absolute`,
    ],
    [
      { source: '/tmp', target: '/' },
      `invalid mount config for type "bind": invalid specification: destination can't be '/'`,
    ],
    [{}, 'invalid mount config for type "bind": field Source must not be empty'],
    [{ source: 'rel' }, `invalid mount config for type "bind": invalid mount path: 'rel' mount path must be absolute`],
    [{ source: '/tmp', volumeOptions: volume }, 'field VolumeOptions must not be specified'],
    [{ type: 'volume', source: 'v', bindOptions: bind }, 'field BindOptions must not be specified'],
    [{ type: 'tmpfs', source: 'v' }, 'invalid mount config for type "tmpfs": field Source must not be specified'],
    [
      { type: 'tmpfs', tmpfsOptions: { ...tmpfs, options: [['foo']] } },
      'invalid mount config for type "tmpfs": invalid option: foo',
    ],
    [
      { type: 'volume', volumeOptions: { ...volume, subpath: 'a' } },
      'must not set Subpath when using anonymous volumes',
    ],
    [
      { type: 'volume', source: 'v', volumeOptions: { ...volume, subpath: '../a' } },
      'subpath must be a relative path within the volume',
    ],
    [
      { source: '/tmp', bindOptions: { ...bind, propagation: 'foo' as 'private' } },
      'invalid mount config for type "bind": invalid propagation mode: foo',
    ],
  ])('refuses %o', (more, text) => {
    expect(() => planMount(spec(more))).toThrow(text);
  });

  it('plans a volume with a trailing slash', () => {
    expect(planMount(spec({ type: 'volume', source: 'v', target: '/data/' }))).toMatchObject({
      type: 'volume',
      name: 'v',
      destination: '/data',
      mode: 'z',
      copyUp: true,
    });
  });
});

describe('planBind', () => {
  it.each([
    ['/tmp:/x', { type: 'bind', source: '/tmp', destination: '/x', mode: '', readOnly: false, createSource: true }],
    ['/tmp/:/x/../y/:rw', { source: '/tmp', destination: '/y', mode: 'rw' }],
    ['/tmp:/x:ro,rslave', { readOnly: true, propagation: 'rslave' }],
    ['vol:/x', { type: 'volume', name: 'vol', mode: 'z', copyUp: true }],
    ['vol:/x:nocopy', { type: 'volume', mode: 'nocopy', copyUp: false }],
    ['/x', { type: 'volume', name: '', destination: '/x' }],
  ])('%s', (text, expected) => {
    expect(planBind(text, '')).toMatchObject(expected);
  });

  it.each([
    ['/tmp:/x:foo', 'invalid mode: foo'],
    ['/tmp:/x:ro,rw', 'invalid mode: ro,rw'],
    ['a:b:c:d', "invalid volume specification: 'a:b:c:d'"],
    ['', "invalid volume specification: ''"],
    ['/tmp:', "invalid volume specification: '/tmp:'"],
    ['/tmp:x', `invalid mount config for type "bind": invalid mount path: 'x' mount path must be absolute`],
    ['/tmp:/:ro', "invalid specification: destination can't be '/'"],
    ['/tmp:/x:nocopy', 'invalid mount config for type "bind": field VolumeOptions must not be specified'],
    ['vol:/x:rshared', 'invalid mount config for type "volume": field BindOptions must not be specified'],
  ])('refuses %s', (text, message) => {
    expect(() => planBind(text, '')).toThrow(message);
  });
});
