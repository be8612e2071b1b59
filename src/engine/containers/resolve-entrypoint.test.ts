import { describe, expect, it } from 'vitest';
import { mergeEnv } from './merge-image-config.js';
import { resolveEntrypoint } from './resolve-entrypoint.js';

const image = { entrypoint: ['/entry'], cmd: ['image-cmd'] };

describe('resolveEntrypoint', () => {
  it.each([
    ['inherits both', { entrypoint: null, cmd: null }, ['/entry', 'image-cmd']],
    ['a command replaces the command', { entrypoint: null, cmd: ['own'] }, ['/entry', 'own']],
    ['an entrypoint drops the command', { entrypoint: ['own'], cmd: null }, ['own']],
    ['both', { entrypoint: ['own'], cmd: ['x'] }, ['own', 'x']],
    ['an empty entrypoint string resets', { entrypoint: [''], cmd: ['x'] }, ['x']],
    ['an empty entrypoint list does not drop the command', { entrypoint: [], cmd: null }, ['image-cmd']],
  ])('%s', (_, own, argv) => {
    expect(resolveEntrypoint(own, image).argv).toEqual(argv);
  });
});

describe('mergeEnv', () => {
  it('keeps own variables first and adds those that are not set', () => {
    expect(mergeEnv(['A=1', 'B'], ['A=2', 'B=3', 'C=4'])).toEqual(['A=1', 'B', 'C=4']);
  });
});
