import { expect, it } from 'vitest';
import { InsecureRegistries } from './insecure-registries.js';

it.each([
  ['127.0.0.1:5000', true],
  ['127.9.9.9', true],
  ['localhost:5000', true],
  ['[::1]:5000', true],
  ['10.1.2.3:5000', true],
  ['10.2.0.1', false],
  ['reg.example:5000', true],
  ['reg.example', false],
  ['other.example:80', true],
  ['docker.io', false],
])('%s: %s', (authority, expected) => {
  const insecure = new InsecureRegistries(['10.1.0.0/16', 'reg.example:5000', 'http://other.example']);
  expect(insecure.has(authority)).toBe(expected);
});
