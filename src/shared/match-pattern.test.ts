import { describe, expect, it } from 'vitest';
import { matchesPattern } from './match-pattern.js';

describe('matchesPattern', () => {
  it.each([
    ['ri', 'bridge', true],
    ['^bridge$', 'bridge', true],
    ['^ridge$', 'bridge', false],
    ['BRI', 'bridge', false],
    ['(?i)BRI', 'bridge', true],
    ['(?ii)BRI', 'bridge', true],
    ['[', 'bridge', false],
    ['[', '[', true],
    ['', 'bridge', true],
    ['\\Abri', 'bridge', true],
    ['\\Aridge', 'bridge', false],
    ['dge\\z', 'bridge', true],
    ['(?P<first>b)r', 'bridge', true],
    ['^[[:alpha:]]+$', 'bridge', true],
    ['^[[:digit:]_]+$', '1_2', true],
    ['[[:punct:]]', 'bridge', false],
    ['\\.', 'a.b', true],
  ])('%j in %j: %s', (pattern, text, matches) => {
    expect(matchesPattern(pattern, text)).toBe(matches);
  });
});
