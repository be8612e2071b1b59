import { describe, expect, it } from 'vitest';
import { hasOpenApi, OpenApi } from './openapi.js';

describe.runIf(hasOpenApi())('the OpenAPI checker', () => {
  it('accepts a good reply and names what is wrong with a bad one', () => {
    const api = OpenApi.load('1.55');
    const good = { Name: 'v', Driver: 'local', Mountpoint: '/v', Labels: null, Scope: 'local', Options: {} };
    expect(api.check('GET', '/volumes/{name}', 200, good)).toEqual([]);
    expect(api.check('GET', '/volumes/{name}', 200, { ...good, Name: 5 }).join()).toMatch(/\/Name must be string/);
    expect(api.check('GET', '/volumes/{name}', 200, { ...good, Scope: 'galaxy' }).join()).toMatch(/\/Scope/);
    expect(api.check('GET', '/volumes/{name}', 200, { Name: 'v' }).join()).toMatch(/required/);
    expect(api.check('GET', '/volumes/{name}', 418, {}).join()).toMatch(/message/);
    expect(api.check('GET', '/volumes/{name}', 201, {}).join()).toMatch(/does not answer 201/);
    expect(api.check('GET', '/nosuch', 200, {}).join()).toMatch(/not in API 1.55/);
  });

  it('follows references, allOf and versions', () => {
    const inspect = { Name: 'n', Containers: { x: { Name: 5 } } };
    expect(OpenApi.load('1.55').check('GET', '/networks/{id}', 200, inspect).join()).toMatch(/\/Containers\/x\/Name/);
    expect(OpenApi.load('1.25').operations).not.toContain('GET /distribution/{name}/json');
    expect(OpenApi.load('1.41').operations).toContain('GET /distribution/{name}/json');
  });
});
