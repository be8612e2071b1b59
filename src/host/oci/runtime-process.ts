import { hasAppArmor } from '../system/host-facts.js';
import { capabilitySets, resolveCapabilities } from './capabilities.js';
import { runtimeRlimits } from './rlimits.js';
import type { RuntimeProcess } from './runtime-spec.js';
import type { ResolvedUser } from './spec-input.js';

/** A process to run in a container, its first or an exec's, decided and checked. */
export interface ProcessInput {
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ResolvedUser;
  readonly tty: boolean;
  readonly consoleSize: [number, number] | null;
  /** Of the process itself; a privileged container's execs are privileged as well. */
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly appArmorProfile: string;
  readonly processLabel: string;
  readonly noNewPrivileges: boolean;
  readonly rlimits: readonly { name: string; soft: number; hard: number }[];
  readonly oomScoreAdj: number | null;
}

/** The OCI process object: `process` of config.json, and what `runtime exec --process` takes. */
export function runtimeProcess(input: ProcessInput): RuntimeProcess {
  const capabilities = resolveCapabilities(input.capAdd, input.capDrop, input.privileged);
  return {
    ...(input.tty && { terminal: true }),
    ...(input.tty &&
      input.consoleSize && { consoleSize: { height: input.consoleSize[0], width: input.consoleSize[1] } }),
    user: { uid: input.user.uid, gid: input.user.gid, additionalGids: input.user.additionalGids },
    args: input.args,
    env: [...input.env],
    cwd: input.cwd,
    capabilities: capabilitySets(capabilities, input.user),
    ...runtimeRlimits(input.rlimits),
    ...(input.noNewPrivileges && { noNewPrivileges: true }),
    // Runtimes refuse a profile where the kernel has no AppArmor; dockerd ignores it there.
    ...(input.appArmorProfile && !input.privileged && hasAppArmor() && { apparmorProfile: input.appArmorProfile }),
    ...(input.processLabel && { selinuxLabel: input.processLabel }),
    ...(input.oomScoreAdj !== null && { oomScoreAdj: input.oomScoreAdj }),
  };
}
