import type { ProcessInput } from '../../host/oci/process-input.js';
import type { ContainersContext } from '../containers/containers-context.js';
import { parseSecurityOpt } from '../containers/security-opt.js';
import { mergeUlimits, processEnv } from '../containers/spec-request.js';
import type { ExecRecord } from './exec-record.js';

/** What an exec's process is: its own wishes on top of what its container has. */
export function execProcessInput(
  ctx: ContainersContext,
  { entry, config, user }: ExecRecord,
  consoleSize: [number, number] | null,
): ProcessInput {
  const { container } = entry;
  const { hostConfig } = container;
  return {
    args: config.cmd,
    env: processEnv(ctx, container, user.home, config.tty, config.env),
    cwd: config.workingDir || container.config.workingDir || '/',
    user,
    tty: config.tty,
    consoleSize,
    privileged: config.privileged || hostConfig.privileged,
    capAdd: hostConfig.capAdd,
    capDrop: hostConfig.capDrop,
    appArmorProfile: container.appArmorProfile,
    processLabel: container.processLabel,
    noNewPrivileges: parseSecurityOpt(hostConfig.securityOpt).noNewPrivileges ?? ctx.deps.defaults.noNewPrivileges,
    rlimits: mergeUlimits(ctx, hostConfig),
    oomScoreAdj: null,
  };
}
