import { expect, it } from 'vitest';
import { parseSecurityOpt } from './security-opt.js';

it.each([
  ['foo', 'invalid --security-opt 1: "foo"'],
  ['foo=bar', 'invalid --security-opt 2: "foo=bar"'],
])('refuses %s', (option, text) => {
  expect(() => parseSecurityOpt([option])).toThrow(text);
});
