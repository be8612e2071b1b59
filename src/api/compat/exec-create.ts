import type { VersionGate } from './version-gate.js';

/** Fields of an exec that older clients do not have. Source: Engine API changelog. */
export const EXEC_CREATE_REQUEST: readonly VersionGate[] = [
  { path: 'Env', since: '1.25' },
  { path: 'WorkingDir', since: '1.35' },
  { path: 'ConsoleSize', since: '1.42' },
];
