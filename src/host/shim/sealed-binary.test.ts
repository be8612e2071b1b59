import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../shared/logger.js';
import { SealedBinary } from './sealed-binary.js';

describe('SealedBinary', () => {
  it('can be run and not be written to', () => {
    const { executable } = new SealedBinary('/bin/true', silentLogger);
    execFileSync(executable!);
    const path = executable!.replace('self', String(process.pid));
    const fd = openSync(path, 'r+');
    expect(() => writeSync(fd, 'x')).toThrow('EPERM');
    closeSync(fd);
    expect(() => openSync(path, 'w')).toThrow('EPERM');
    expect(readFileSync(path)).toEqual(readFileSync('/bin/true'));
  });

  it('is none where there is no such program', () => {
    expect(new SealedBinary('/no/such/program', silentLogger).executable).toBeNull();
  });
});
