import { describe, expect, it } from 'vitest';
import { Query } from './query.js';
import { parseTimestamp } from './timestamp.js';

describe('booleans', () => {
  it.each([
    ['', false],
    ['0', false],
    ['no', false],
    ['False', false],
    ['NONE', false],
    ['1', true],
    ['True', true],
    ['yes', true],
    ['2', true],
    ['off', true],
  ])('%j is %s', (text, expected) => {
    expect(new Query(`all=${text}`).bool('all', !expected)).toBe(expected);
  });

  it('use the fallback when absent only', () => {
    expect(new Query('').bool('stream', true)).toBe(true);
    expect(new Query('x=1').bool('stream', true)).toBe(true);
    expect(new Query('stream').bool('stream', true)).toBe(false);
  });
});

describe('integers', () => {
  it('are decimal with a sign', () => {
    expect(new Query('t=-1').int('t', 5)).toBe(-1);
    expect(new Query('t=').int('t', 5)).toBe(5);
    expect(() => new Query('t=1.5').int('t', 5)).toThrow('strconv.Atoi: parsing "1.5": invalid syntax');
    expect(() => new Query('t=99999999999999999999').int('t', 5)).toThrow('value out of range');
  });
});

describe('filters', () => {
  const filters = (text: string, accepted?: string[]): object =>
    Object.fromEntries(new Query(`filters=${encodeURIComponent(text)}`).filters(accepted));

  it('come as lists or as the old maps', () => {
    expect(filters('{"label":["a","b=c"],"name":[]}')).toEqual({ label: ['a', 'b=c'], name: [] });
    expect(filters('{"label":{"a":true,"b":false}}')).toEqual({ label: ['a', 'b'] });
    expect(filters('null')).toEqual({});
    expect([...new Query('').filters(['x'])]).toEqual([]);
  });

  it.each(['x', '[]', '5', '{"a":"b"}', '{"a":[5]}', '{"a":{"b":1}}'])('refuses %s', (text) => {
    expect(() => filters(text)).toThrow(/^invalid filter$/);
  });

  it('refuses unknown keys', () => {
    expect(() => filters('{"x":["a"]}', ['label'])).toThrow("invalid filter 'x'");
  });
});

describe('timestamps', () => {
  const now = Date.parse('2026-01-02T03:04:05Z');
  it.each([
    ['1795225777', 1795225777_000000000n],
    ['1795225777.011562349', 1795225777_011562349n],
    ['1795225777.5', 1795225777_500000000n],
    ['-1.5', -1_500000000n],
    ['0', 0n],
    ['+5', 5_000000000n],
    ['2026-01-02T03:04:05Z', BigInt(now) * 1_000_000n],
    ['2026-01-02T03:04:05.123456789Z', BigInt(now) * 1_000_000n + 123456789n],
    ['2026-01-02T05:04:05+02:00', BigInt(now) * 1_000_000n],
    ['2026-01-02Z', BigInt(Date.parse('2026-01-02T00:00:00Z')) * 1_000_000n],
    ['2026-01-02T03:04', BigInt(new Date(2026, 0, 2, 3, 4).getTime()) * 1_000_000n],
    ['2026-01-02', BigInt(new Date(2026, 0, 2).getTime()) * 1_000_000n],
    ['10m', BigInt(now - 600_000) * 1_000_000n],
    ['1h30m', BigInt(now - 5_400_000) * 1_000_000n],
    ['1.5s', BigInt(now - 1500) * 1_000_000n],
    ['-1s', BigInt(now + 1000) * 1_000_000n],
  ])('%s', (text, expected) => {
    expect(parseTimestamp(text, now)).toBe(expected);
  });

  it.each([
    ['x', 'x'],
    ['1.2.3', '2.3'],
    ['1.x', 'x'],
    ['x.5', 'x'],
    ['2026-13-45', '2026-13-45'],
    ['5 minutes', '5 minutes'],
  ])('refuses %s for %s', (text, part) => {
    expect(() => parseTimestamp(text, now)).toThrow(`strconv.ParseInt: parsing "${part}": invalid syntax`);
  });

  it.each(['9223372036854775808', '-9223372036854775809.5'])('finds %s too far away', (text) => {
    expect(() => parseTimestamp(text)).toThrow('value out of range');
  });
});
