import type { ApiVersion } from '../http/api-version.js';
import { apiVersion, compareVersions } from '../http/api-version.js';
import type { VersionGate } from './version-gate.js';

type Change = (body: unknown) => void;

const compiled = new WeakMap<readonly VersionGate[], Map<string, readonly Change[]>>();

/** Makes of a full body what a client of this version sees (or may send). Changes it in place. */
export function applyGates(gates: readonly VersionGate[], version: ApiVersion, body: unknown): void {
  let byVersion = compiled.get(gates);
  if (!byVersion) compiled.set(gates, (byVersion = new Map<string, readonly Change[]>()));
  const key = version.join('.');
  let changes = byVersion.get(key);
  if (!changes) byVersion.set(key, (changes = gates.flatMap((gate) => compile(gate, version))));
  for (const change of changes) change(body);
}

function compile(gate: VersionGate, version: ApiVersion): Change[] {
  if ('change' in gate) {
    const applies =
      'below' in gate
        ? compareVersions(version, apiVersion(gate.below)) < 0
        : compareVersions(version, apiVersion(gate.since)) >= 0;
    return applies ? [(body) => gate.change(body as never, version)] : [];
  }
  const steps = gate.path
    .split('.')
    .flatMap((part) => (part.startsWith('[]') ? ['[]', ...part.slice(2).split('.')] : [part]));
  const path = steps.filter((step) => step !== '');
  if ('set' in gate) {
    if (compareVersions(version, apiVersion(gate.below)) >= 0) return [];
    return [(body) => walk(body, path, (owner, key) => key in owner && (owner[key] = gate.set))];
  }
  const tooOld = 'since' in gate && compareVersions(version, apiVersion(gate.since)) < 0;
  const tooNew = gate.until !== undefined && compareVersions(version, apiVersion(gate.until)) > 0;
  if (!tooOld && !tooNew) return [];
  return [(body) => walk(body, path, (owner, key) => delete owner[key])];
}

type Json = Record<string, unknown>;

function walk(value: unknown, path: readonly string[], visit: (owner: Json, key: string) => unknown): void {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== 'object' || value === null) return;
  if (step === '*' || step === '[]') {
    for (const item of Object.values(value)) walk(item, rest, visit);
  } else if (rest.length > 0) {
    walk((value as Json)[step], rest, visit);
  } else {
    visit(value as Json, step);
  }
}
