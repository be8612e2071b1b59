import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { apiVersion, compareVersions } from '../../src/api/http/api-version.js';
import { ALL_ROUTES } from '../../src/api/routes/all-routes.js';
import { hasOpenApi, OpenApi, OPENAPI_VERSIONS } from './openapi.js';

interface Entry {
  method: string;
  path: string;
  since: string;
  until?: string;
  status: 'served' | 'partial' | 'missing';
  /** What of it is not built; with partial and missing only. */
  missing?: string;
}

const entries = JSON.parse(readFileSync(new URL('../../docker-compat.json', import.meta.url), 'utf8')) as Entry[];

/** What dockerd serves though no OpenAPI file has it. */
const UNDOCUMENTED = new Set([
  'GET /networks/',
  'POST /build/cancel',
  'POST /grpc',
  'GET /containers/{id}/checkpoints',
  'POST /containers/{id}/checkpoints',
  'DELETE /containers/{id}/checkpoints/{checkpoint}',
  // In the files of later versions only, but dockerd does not gate them.
  'HEAD /_ping',
  'POST /secrets/{id}/update',
]);

const name = ({ method, path }: { method: string; path: string }): string => `${method} ${path}`;
const full = (e: { method: string; path: string; since: string; until?: string }): string =>
  `${name(e)} ${e.since}-${e.until ?? ''}`;

describe('docker-compat.json', () => {
  it('has exactly the operations of the route table', () => {
    expect(entries.map(full).sort()).toEqual(ALL_ROUTES.map(full).sort());
  });

  it('says what is missing of what is not served completely', () => {
    for (const entry of entries) {
      expect(['served', 'partial', 'missing'], full(entry)).toContain(entry.status);
      if (entry.status === 'served') expect(entry, full(entry)).not.toHaveProperty('missing');
      else expect(entry.missing, full(entry)).toMatch(/\w{3}/);
    }
  });
});

describe.runIf(hasOpenApi())('the route table', () => {
  it.each(OPENAPI_VERSIONS)('has every operation of API %s, and no other', (version) => {
    const served = ALL_ROUTES.filter(
      ({ since, until }) =>
        compareVersions(apiVersion(since), apiVersion(version)) <= 0 &&
        (!until || compareVersions(apiVersion(until), apiVersion(version)) >= 0),
    ).map(name);
    const documented = OpenApi.load(version).operations;
    expect(documented.filter((operation) => !served.includes(operation))).toEqual([]);
    expect(served.filter((operation) => !documented.includes(operation) && !UNDOCUMENTED.has(operation))).toEqual([]);
  });
});
