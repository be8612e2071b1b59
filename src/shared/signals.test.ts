import { describe, expect, it } from 'vitest';
import { parseSignal } from './signals.js';

describe('parseSignal', () => {
  it.each([
    ['KILL', 9],
    ['SIGTERM', 15],
    ['sighup', 1],
    ['10', 10],
    ['+10', 10],
    ['010', 10],
    ['65', 65],
    ['-9', -9],
    ['CLD', 17],
    ['SIGRTMIN+15', 49],
    ['rtmax-14', 50],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
  ])('%s is %d', (text, number) => {
    expect(parseSignal(text)).toBe(number);
  });

  it.each([
    '',
    '0',
    '9223372036854775808',
    'FOO',
    'SIG',
    'RTMIN+16',
    'RTMAX-15',
    'RTMIN+0',
    'RTMIN+03',
    'RTMIN-1',
    '-0',
    '9x',
    ' 9',
    '0x9',
    'SIGSIGHUP',
  ])('refuses %j', (text) => {
    expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`);
  });
});
