import { expect, it } from 'vitest';
import { allDone } from './all-done.js';

it('gives all results', async () => {
  expect(await allDone([Promise.resolve(1), Promise.resolve('a')])).toEqual([1, 'a']);
});

it('fails only when all have ended', async () => {
  let end = (): void => undefined;
  let hasEnded = false;
  const other = new Promise<void>((resolve) => (end = resolve)).then(() => (hasEnded = true));
  const failing = allDone([Promise.reject(new Error('no')), other]);
  setImmediate(end);
  await expect(failing).rejects.toThrow('no');
  expect(hasEnded).toBe(true);
});
