import type { RuntimeProcess, RuntimeSeccomp, RuntimeSpec } from './runtime-spec.js';

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
  return 'linux' in spec ? wholeSpec(spec) : withUnlimited(spec);
}

function wholeSpec({ linux: { seccomp, ...linux }, process, ...rest }: RuntimeSpec): string {
  const parts = [JSON.stringify(rest).slice(1, -1), `"process":${withUnlimited(process)}`];
  const tail = seccomp ? `,"seccomp":${seccompJson(seccomp)}}` : '}';
  return `{${parts.join(',')},"linux":${JSON.stringify(linux).slice(0, -1)}${tail}}`;
}

function withUnlimited(process: RuntimeProcess): string {
  const json = JSON.stringify(process);
  return process.rlimits ? json.replace(/"(soft|hard)":-1(?=[,}])/g, `"$1":${RLIM_INFINITY}`) : json;
}

/** Two thirds of a specification, and the same for most containers. */
const seccompTexts = new WeakMap<RuntimeSeccomp, string>();

function seccompJson(seccomp: RuntimeSeccomp): string {
  let text = seccompTexts.get(seccomp);
  if (text === undefined) {
    text = JSON.stringify(seccomp);
    seccompTexts.set(seccomp, text);
  }
  return text;
}
