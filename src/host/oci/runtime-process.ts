import { hasAppArmor } from '../system/host-facts.js';
import { capabilitySets, resolveCapabilities } from './capabilities.js';
import type { ProcessInput } from './process-input.js';
import { runtimeRlimits } from './rlimits.js';
import type { RuntimeProcess } from './runtime-spec.js';

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
