import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { RecentExits } from './recent-exits.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('knows an exit for half a minute', () => {
  const exits = new RecentExits();
  exits.remember('a', { statusCode: 3, error: '' });
  expect(exits.get('b')).toBeNull();
  vi.advanceTimersByTime(29_999);
  expect(exits.get('a')).toEqual({ statusCode: 3, error: '' });
  vi.advanceTimersByTime(1);
  expect(exits.get('a')).toBeNull();
});

it('keeps a thousand, the latest', () => {
  const exits = new RecentExits();
  for (let i = 0; i <= 1000; i++) exits.remember(String(i), { statusCode: i % 256, error: '' });
  expect(exits.get('0')).toBeNull();
  expect(exits.get('1')).toEqual({ statusCode: 1, error: '' });
  expect(exits.get('1000')).toEqual({ statusCode: 232, error: '' });
});
