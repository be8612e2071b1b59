import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { flagsDocument } from './flags-doc.js';

it('is what docs/flags.md says; npm run generate:docs brings it up to date', () => {
  expect(readFileSync(new URL('../../docs/flags.md', import.meta.url), 'utf8')).toBe(flagsDocument());
});
