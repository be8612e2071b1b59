import { expect, it } from 'vitest';
import { formatPlatform, parsePlatform, platformScore } from './platform.js';

it.each([
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/6', 'linux/arm/v6'],
  ['arm64', 'linux/arm64'],
])('reads %s', (text, expected) => {
  expect(formatPlatform(parsePlatform(text))).toBe(expected);
});

it('refuses what is none', () => {
  expect(() => parsePlatform('bogus')).toThrow(
    expect.objectContaining({
      kind: 'invalid',
      message: '"bogus": unknown operating system or architecture: invalid argument',
    }),
  );
  expect(() => parsePlatform('a/b/c/d')).toThrow('cannot parse platform specifier');
});

it('runs older arm code on newer processors, not the other way round', () => {
  const v7 = parsePlatform('linux/arm/v7');
  const v6 = parsePlatform('linux/arm/v6');
  expect(platformScore(v7, v7)).toBeGreaterThan(platformScore(v7, v6));
  expect(platformScore(v7, v6)).toBeGreaterThan(0);
  expect(platformScore(v6, v7)).toBe(0);
  expect(platformScore(parsePlatform('linux/arm64'), v7)).toBe(0);
});
