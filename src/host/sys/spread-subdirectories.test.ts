import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { spreadSubdirectories } from './spread-subdirectories.js';

const EXT4_MAGIC = 0xef53;
const directory = mkdtempSync(join('/var/tmp', 'wharf-spread-'));
afterAll(() => rmSync(directory, { recursive: true }));

describe('spreadSubdirectories', () => {
  it.skipIf(statfsSync(directory).type !== EXT4_MAGIC)('sets the T attribute and keeps the others', () => {
    execFileSync('chattr', ['+A', directory]);
    expect(spreadSubdirectories(directory)).toBe(true);
    expect(spreadSubdirectories(directory)).toBe(true);
    const attributes = execFileSync('lsattr', ['-d', directory], { encoding: 'utf8' }).split(' ')[0];
    expect(attributes).toContain('T');
    expect(attributes).toContain('A');
  });

  it('is false where there are no such attributes, and throws where there is no directory', () => {
    expect(spreadSubdirectories('/proc/self/task')).toBe(false);
    expect(() => spreadSubdirectories(join(directory, 'missing'))).toThrow('ENOENT');
  });
});
