/** The house's floor plan as a lint error: api → engine → { host, store } → shared; cli/daemon wire all of it. */
const only = (name, module, room) => ({
  name,
  severity: 'error',
  comment: `only ${room} may import ${module}`,
  from: { pathNot: `^src/${room}` },
  to: { path: `node_modules/${module}(/|$)` },
});

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'host-is-low',
      severity: 'error',
      from: { path: '^src/host' },
      to: { path: '^src/(engine|store|api|config|daemon|cli)' },
    },
    {
      name: 'store-is-low',
      severity: 'error',
      from: { path: '^src/store' },
      to: { path: '^src/(engine|host|api|config|daemon|cli)', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'engine-below-api',
      severity: 'error',
      from: { path: '^src/engine' },
      to: { path: '^src/(api|daemon|cli)' },
    },
    {
      name: 'api-through-engine',
      severity: 'error',
      from: { path: '^src/api' },
      to: { path: '^src/(host|store|daemon|cli)' },
    },
    { name: 'shared-is-leaf', severity: 'error', from: { path: '^src/shared' }, to: { path: '^src/(?!shared)' } },
    only('sqlite-in-store', 'better-sqlite3', 'store'),
    only('koffi-in-host-sys', 'koffi', 'host/sys'),
    only('fastify-in-api', 'fastify', 'api'),
    only('ws-in-api', 'ws', 'api'),
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    exclude: { path: '\\.test\\.ts$' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
