import { describe, expect, it } from 'vitest';
import {
  canonicalString,
  familiarString,
  parseImageId,
  parseReference,
  withDefaultTag,
  withTagOrDigest,
} from './reference.js';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

describe('parseReference', () => {
  it.each([
    ['busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36', 'busybox:1.36'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest', 'busybox:latest'],
    ['user/app', 'docker.io/user/app:latest', 'user/app:latest'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['UPPER/app', 'UPPER/app:latest', 'UPPER/app:latest'],
    ['127.0.0.1:5000/a/b:t', '127.0.0.1:5000/a/b:t', '127.0.0.1:5000/a/b:t'],
    ['[::1]:5000/a', '[::1]:5000/a:latest', '[::1]:5000/a:latest'],
    ['a__b/c.d-e--f', 'docker.io/a__b/c.d-e--f:latest', 'a__b/c.d-e--f:latest'],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
    [`busybox:x@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
    ['library/a/b', 'docker.io/library/a/b:latest', 'library/a/b:latest'],
  ])('%s', (text, canonical, familiar) => {
    const ref = withDefaultTag(parseReference(text));
    expect(canonicalString(ref)).toBe(canonical);
    expect(familiarString(ref)).toBe(familiar);
    expect(parseReference(familiar)).toMatchObject({ domain: ref.domain, path: ref.path });
  });

  it.each([
    ['Foo', 'invalid reference format: repository name (library/Foo) must be lowercase'],
    ['a:b:c', 'invalid reference format'],
    ['', 'invalid reference format'],
    ['-foo', 'invalid reference format'],
    ['foo/', 'invalid reference format'],
    ['a//b', 'invalid reference format'],
    ['a_-b', 'invalid reference format'],
    ['busybox@sha256:00', 'invalid reference format'],
    [`a:${'t'.repeat(129)}`, 'invalid reference format'],
    ['a b', 'invalid reference format'],
    ['../x', 'invalid reference format'],
    ['a'.repeat(64), `invalid repository name (${'a'.repeat(64)}), cannot specify 64-byte hexadecimal strings`],
    [`x/${'a'.repeat(250)}`, 'repository name must not be more than 255 characters'],
  ])('refuses %s', (text, message) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ kind: 'invalid', message }));
  });
});

describe('withTagOrDigest', () => {
  it('takes a digest for what it is', () => {
    expect(familiarString(withTagOrDigest(parseReference('a:1'), DIGEST))).toBe(`a@${DIGEST}`);
    expect(familiarString(withTagOrDigest(parseReference('a:1'), '2'))).toBe('a:2');
    expect(() => withTagOrDigest(parseReference('a'), '!!')).toThrow('invalid tag format');
    expect(() => withTagOrDigest(parseReference('a'), 'sha256:00')).toThrow('invalid tag format');
  });
});

describe('parseImageId', () => {
  it('knows full ids only', () => {
    expect(parseImageId('ab'.repeat(32))).toBe(DIGEST);
    expect(parseImageId(DIGEST)).toBe(DIGEST);
    expect(parseImageId('abab')).toBeNull();
  });
});
