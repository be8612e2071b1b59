import { describe, expect, it } from 'vitest';
import { parseSignal } from './signals.js';

describe('parseSignal', () => {
  it.each([
    ['KILL', 9],
    ['SIGTERM', 15],
    ['sighup', 1],
    ['10', 10],
    ['RTMIN', 34],
    ['SIGRTMIN+3', 37],
    ['RTMAX-1', 63],
  ])('%s is %d', (text, number) => {
    expect(parseSignal(text)).toBe(number);
  });

  it.each(['', '0', '65', 'FOO', 'SIG', 'RTMIN+31', '-9', '9x'])('refuses %j', (text) => {
    expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`);
  });
});
