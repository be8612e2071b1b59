import { describe, expect, it } from 'vitest';
import { apiVersion } from '../http/api-version.js';
import { applyGates } from './apply-gates.js';
import type { VersionGate } from './version-gate.js';

const gates: readonly VersionGate[] = [
  { path: 'New', since: '1.44' },
  { path: 'Old', until: '1.43' },
  { path: 'Runtimes.*.status', since: '1.44' },
  { path: 'List.[].Size', until: '1.43' },
  { path: 'Count', below: '1.51', set: -1 },
  { below: '1.25', change: (body: { Name: string }) => (body.Name = body.Name.toUpperCase()) },
  { since: '1.52', change: (body: { Name: string }) => (body.Name += '!') },
];

const full = () => ({
  Name: 'x',
  New: 1,
  Old: 1,
  Runtimes: { a: { status: {} }, b: { status: {}, path: 'b' } },
  List: [{ Size: 1 }, { Size: 2, Id: 3 }],
  Count: 7,
});

function seenBy(version: string): object {
  const body = full();
  applyGates(gates, apiVersion(version), body);
  return body;
}

describe('version gates', () => {
  it('take out, replace and change what a version does not have', () => {
    expect(seenBy('1.24')).toEqual({
      Name: 'X',
      Old: 1,
      Runtimes: { a: {}, b: { path: 'b' } },
      List: [{ Size: 1 }, { Size: 2, Id: 3 }],
      Count: -1,
    });
    expect(seenBy('1.44')).toMatchObject({ Name: 'x', New: 1, Count: -1, List: [{}, { Id: 3 }] });
    expect(seenBy('1.44')).not.toHaveProperty('Old');
    expect(seenBy('1.52')).toMatchObject({ Name: 'x!', Count: 7, Runtimes: { a: { status: {} } } });
  });

  it('leave alone what is not there', () => {
    const body = { Runtimes: null, List: 'text' };
    applyGates(gates.slice(0, 5), apiVersion('1.24'), body);
    expect(body).toEqual({ Runtimes: null, List: 'text' });
    applyGates(gates.slice(0, 5), apiVersion('1.24'), null);
  });

  it('work on lists at the top', () => {
    const body = [{ A: 1, B: 2 }, { B: 3 }];
    applyGates([{ path: '[].B', since: '1.30' }], apiVersion('1.29'), body);
    expect(body).toEqual([{ A: 1 }, {}]);
  });
});
