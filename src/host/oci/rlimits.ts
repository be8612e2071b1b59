import type { RuntimeProcess, RuntimeSpec } from './runtime-spec.js';

/** Ulimits as the runtime names them; -1 stays and means unlimited until the text is made. */
export function runtimeRlimits(
  ulimits: readonly { name: string; soft: number; hard: number }[],
): Pick<RuntimeProcess, 'rlimits'> {
  if (ulimits.length === 0) return {};
  return { rlimits: ulimits.map(({ name, soft, hard }) => ({ type: `RLIMIT_${name.toUpperCase()}`, soft, hard })) };
}

/** RLIM_INFINITY is 2^64-1, which no JavaScript number can hold. */
const RLIM_INFINITY = '18446744073709551615';

/** The text of config.json or process.json. Use this and not JSON.stringify: unlimited rlimits need all their digits. */
export function specJson(spec: RuntimeSpec | RuntimeProcess): string {
  return JSON.stringify(spec).replace(/"(soft|hard)":-1(?=[,}])/g, `"$1":${RLIM_INFINITY}`);
}
