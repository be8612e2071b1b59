import { release } from 'node:os';
import { invalid } from '../../shared/errors.js';
import { kernelAbis, type KernelAbis } from '../sys/abis.js';
import type { RuntimeSeccomp, SeccompArg, SeccompRule } from './runtime-spec.js';
import {
  ALLOWED_PERSONALITIES,
  ALLOWED_SINCE_4_8,
  ALLOWED_SYSCALLS,
  ALLOWED_WITH_CAPABILITY,
  BY_ARCHITECTURE,
  FORBIDDEN_SOCKET_FAMILY,
  NAMESPACE_CLONE_FLAGS,
} from './seccomp-default.js';

const ALLOW = 'SCMP_ACT_ALLOW';
const ENOSYS = 38;
const EPERM = 1;

/** Default profiles by the capabilities that they are for. */
const made = new Map<string, RuntimeSeccomp | null>();
const MAX_MADE = 8;

/**
 * The default profile for a container with these capabilities on this machine; null where the machine is unknown. ABIs that the container's
 * kernel does not have are left out of it: decision 59. It is the same object for the same capabilities most times, and not to be changed.
 */
export function defaultSeccomp(
  capabilities: readonly string[],
  arch: string = process.arch,
  abis: KernelAbis = kernelAbis(),
): Readonly<RuntimeSeccomp> | null {
  const key = `${arch} ${abis.i386} ${abis.x32} ${capabilities.join(' ')}`;
  let profile = made.get(key);
  if (profile === undefined) {
    profile = makeDefault(capabilities, arch, abis);
    if (made.size >= MAX_MADE) made.clear();
    made.set(key, profile);
  }
  return profile;
}

function makeDefault(capabilities: readonly string[], arch: string, abis: KernelAbis): RuntimeSeccomp | null {
  const machine = BY_ARCHITECTURE[arch];
  if (!machine) return null;
  const names = new Set(capabilities.flatMap((capability) => ALLOWED_WITH_CAPABILITY[capability] ?? []));
  // last, because their order is that in which libseccomp is quick
  for (const name of [...ALLOWED_SINCE_4_8, ...machine.syscalls, ...ALLOWED_SYSCALLS]) names.add(name);
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    architectures: machine.architectures.filter((name, index) => index === 0 || isThere(name, abis)),
    syscalls: [{ names: [...names], action: ALLOW }, ...argumentRules(capabilities, arch)],
  };
}

/** Each architecture makes the runtime compile all rules once more, at every start. */
function isThere(architecture: string, abis: KernelAbis): boolean {
  return architecture === 'SCMP_ARCH_X86' ? abis.i386 : architecture === 'SCMP_ARCH_X32' ? abis.x32 : true;
}

/** The rules that look at arguments. */
function argumentRules(capabilities: readonly string[], arch: string): SeccompRule[] {
  const only = (name: string, arg: SeccompArg): SeccompRule => ({ names: [name], action: ALLOW, args: [arg] });
  const rules = [only('socket', { index: 0, value: FORBIDDEN_SOCKET_FAMILY, op: 'SCMP_CMP_NE' })];
  for (const value of ALLOWED_PERSONALITIES) rules.push(only('personality', { index: 0, value, op: 'SCMP_CMP_EQ' }));
  if (!capabilities.includes('CAP_SYS_ADMIN')) {
    // On s390 clone(2) takes its flags second. clone3 hides its flags in memory; ENOSYS makes libc fall back to clone.
    const index = arch === 's390x' ? 1 : 0;
    rules.push(only('clone', { index, value: NAMESPACE_CLONE_FLAGS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }), {
      names: ['clone3'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: ENOSYS,
    });
  }
  return rules;
}

/** Docker's own profile format: rules may depend on capabilities, architecture and kernel. */
interface DockerProfile {
  defaultAction?: string;
  defaultErrnoRet?: number;
  architectures?: string[] | null;
  archMap?: { architecture: string; subArchitectures?: string[] | null }[] | null;
  flags?: string[] | null;
  listenerPath?: string;
  listenerMetadata?: string;
  syscalls?: DockerRule[] | null;
}

interface DockerRule {
  name?: string;
  names?: string[] | null;
  action: string;
  errnoRet?: number;
  args?: SeccompArg[] | null;
  includes?: RuleFilter | null;
  excludes?: RuleFilter | null;
}

interface RuleFilter {
  caps?: string[] | null;
  arches?: string[] | null;
  minKernel?: string;
}

/** Go's architecture names, which profiles use in their filters. */
const GO_ARCH: Record<string, string> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm',
  ppc64: 'ppc64le',
  s390x: 's390x',
  riscv64: 'riscv64',
};

/**
 * Resolves a profile in Docker's or OCI's JSON for a container with these capabilities.
 * Errors: invalid `Decoding seccomp profile failed: …` and dockerd's words for contradictory fields.
 */
export function seccompFromProfile(json: string, capabilities: readonly string[]): RuntimeSeccomp {
  const profile = parseProfile(json);
  const syscalls: SeccompRule[] = [];
  for (const rule of profile.syscalls ?? []) {
    if (rule.name && rule.names?.length) {
      throw invalid("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
    }
    if (!applies(rule, capabilities)) continue;
    syscalls.push({
      names: rule.name ? [rule.name] : (rule.names ?? []),
      action: rule.action,
      ...(rule.errnoRet !== undefined && { errnoRet: rule.errnoRet }),
      ...(rule.args?.length && { args: rule.args }),
    });
  }
  const architectures = profileArchitectures(profile);
  return {
    defaultAction: profile.defaultAction ?? '',
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures.length && { architectures }),
    ...(profile.flags?.length && { flags: profile.flags }),
    ...(profile.listenerPath && { listenerPath: profile.listenerPath }),
    ...(profile.listenerMetadata && { listenerMetadata: profile.listenerMetadata }),
    syscalls,
  };
}

function parseProfile(json: string): DockerProfile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw invalid(`Decoding seccomp profile failed: ${(error as Error).message}`, error);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw invalid('Decoding seccomp profile failed: the profile is not a JSON object');
  }
  return parsed;
}

function profileArchitectures(profile: DockerProfile): string[] {
  if (profile.architectures?.length && profile.archMap?.length) {
    throw invalid(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  if (profile.architectures?.length) return profile.architectures;
  const native = BY_ARCHITECTURE[process.arch]?.architectures[0];
  const entry = profile.archMap?.find((candidate) => candidate.architecture === native);
  return entry ? [entry.architecture, ...(entry.subArchitectures ?? [])] : [];
}

function applies(rule: DockerRule, capabilities: readonly string[]): boolean {
  const { includes, excludes } = rule;
  const arch = GO_ARCH[process.arch] ?? process.arch;
  if (excludes?.arches?.includes(arch) || excludes?.caps?.some((cap) => capabilities.includes(cap))) return false;
  if (excludes?.minKernel && kernelAtLeast(excludes.minKernel)) return false;
  if (includes?.arches?.length && !includes.arches.includes(arch)) return false;
  if (includes?.caps?.length && !includes.caps.every((cap) => capabilities.includes(cap))) return false;
  return !includes?.minKernel || kernelAtLeast(includes.minKernel);
}

function kernelAtLeast(wanted: string): boolean {
  const [major = 0, minor = 0] = release()
    .split('.')
    .map((part) => parseInt(part, 10));
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map((part) => parseInt(part, 10));
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
