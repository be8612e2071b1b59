import { expect, it } from 'vitest';
import { stringifyExactly } from './stringify-exactly.js';

it('writes numbers of 64 bits in full, and everything else as ever', () => {
  expect(stringifyExactly({ limit: 2n ** 64n - 1n, list: [1n, 1.5, '7', null], gone: undefined })).toBe(
    '{"limit":18446744073709551615,"list":[1,1.5,"7",null]}',
  );
});
