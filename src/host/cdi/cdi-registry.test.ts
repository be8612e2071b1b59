import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Logger } from '../../shared/logger.js';
import { CdiRegistry } from './cdi-registry.js';

let dir: string;
let warnings: object[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'cdi-'));
  warnings = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function registry(...names: string[]): CdiRegistry {
  const log = { warn: (fields: object) => void warnings.push(fields) } as unknown as Logger;
  return new CdiRegistry(
    names.map((name) => join(dir, name)),
    log,
  );
}

function put(name: string, content: string | object): void {
  mkdirSync(join(dir, name, '..'), { recursive: true });
  writeFileSync(join(dir, name), typeof content === 'string' ? content : JSON.stringify(content));
}

const spec = (value: string, name = 'one') => ({
  cdiVersion: '0.6.0',
  kind: 'vendor.com/class',
  containerEdits: { env: ['ALL=1'] },
  devices: [{ name, containerEdits: { env: [`DEVICE=${value}`] } }],
});

it('reads JSON and YAML, and takes the edits of a file once', async () => {
  put('a/one.json', spec('json'));
  put(
    'a/two.yaml',
    'cdiVersion: "0.6.0"\nkind: other.com/gpu\ndevices:\n- name: all\n  containerEdits:\n    env: [X=1]\n',
  );
  put('a/ignored.txt', 'nonsense');
  const cdi = registry('a', 'missing');
  expect(await cdi.names()).toEqual(['other.com/gpu=all', 'vendor.com/class=one']);
  const names = ['vendor.com/class=one', 'other.com/gpu=all', 'vendor.com/class=one', 'vendor.com/class=none'];
  expect(await cdi.resolve(names)).toEqual({
    edits: [{ env: ['ALL=1'] }, { env: ['DEVICE=json'] }, {}, { env: ['X=1'] }, { env: ['DEVICE=json'] }],
    unknown: ['vendor.com/class=none'],
  });
});

it('prefers the later directory, and knows no device that two files of one directory describe', async () => {
  put('a/one.json', spec('a'));
  put('b/one.json', spec('b'));
  expect((await registry('a', 'b').resolve(['vendor.com/class=one'])).edits[1]).toEqual({ env: ['DEVICE=b'] });
  put('b/two.json', spec('c'));
  expect(await registry('a', 'b').names()).toEqual([]);
});

it.each([
  ['{', ''],
  ['[]', 'specification is not an object'],
  [{ ...spec('x'), cdiVersion: 5 }, 'cdiVersion is missing'],
  [{ ...spec('x'), kind: 'nonsense' }, 'invalid kind "nonsense"'],
  [{ ...spec('x'), devices: [] }, 'invalid spec, no devices'],
  [spec('x', '../x'), 'invalid device name "../x"'],
  [{ ...spec('x'), containerEdits: { env: ['X'] } }, 'invalid environment variable "X"'],
  [{ ...spec('x'), containerEdits: { hooks: [{ hookName: 'x', path: '/x' }] } }, 'invalid hook name "x"'],
  [{ ...spec('x'), containerEdits: { mounts: [{ hostPath: '/x' }] } }, 'containerPath is missing'],
  [{ ...spec('x'), containerEdits: { deviceNodes: [{}] } }, 'path is missing'],
  [{ ...spec('x'), containerEdits: { additionalGids: ['x'] } }, 'additionalGids is not a list of group ids'],
])('ignores a file with %o', async (content, reason) => {
  put('a/bad.json', content);
  put('a/good.json', spec('x', 'good'));
  expect(await registry('a').names()).toEqual(['vendor.com/class=good']);
  expect(warnings).toMatchObject([{ path: join(dir, 'a/bad.json') }]);
  if (reason !== '') expect(warnings).toMatchObject([{ reason }]);
});
