import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { takesX32Calls } from './x32.js';

const CONFIG = '/proc/config.gz';

describe('takesX32Calls', () => {
  it('is false where the kernel was built without the ABI', () => {
    const config = existsSync(CONFIG) ? execFileSync('zcat', [CONFIG], { encoding: 'utf8' }) : '';
    const isBuiltIn = /^CONFIG_X86_X32(_ABI)?=y$/m.test(config);
    if (config && !isBuiltIn) expect(takesX32Calls()).toBe(false);
    else expect(takesX32Calls()).toBeTypeOf('boolean');
  });
});
