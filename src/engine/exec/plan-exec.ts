import { containerEntrances } from '../../host/cgroup/container-entrances.js';
import { encodeExecPlan } from '../../host/shim/exec-plan.js';
import type { ShimOptions } from '../../host/shim/shim-args.js';
import type { RuntimeProcess } from '../../host/oci/runtime-spec.js';
import { isPlainRuntime } from '../../host/oci/runtimes.js';
import { hasCode } from '../../shared/errors.js';
import { execFiles } from '../containers/container-paths.js';
import type { ContainersContext } from '../containers/containers-context.js';
import { containerSeccomp, oomScoreAdj } from '../containers/spec-request.js';
import type { ExecRecord } from './exec-record.js';

/**
 * How the exec's shim can make the process itself, in the form that it reads; null: this one is for the runtime. What the shim
 * then finds to be different from what the plan says makes it call the runtime too.
 */
export function planExec(
  ctx: ContainersContext,
  { id, entry }: ExecRecord,
  process: RuntimeProcess,
  runtime: ShimOptions['runtime'],
): Buffer | null {
  const { deps } = ctx;
  const { hostConfig, state } = entry.container;
  if (!isPlainRuntime(runtime)) return null;
  const cgroups = entrances(ctx, state.pid, entry.id);
  if (cgroups === null) return null;
  const isFiltered = containerSeccomp(ctx, hostConfig).kind !== 'unconfined';
  return encodeExecPlan({
    containerId: entry.id,
    initPid: state.pid,
    cgroups,
    process,
    oomScoreAdj: oomScoreAdj(hostConfig),
    filterFile: isFiltered ? execFiles(deps.paths, entry.id, id).filter : null,
  });
}

function entrances(ctx: ContainersContext, pid: number, containerId: string): ReturnType<typeof containerEntrances> {
  try {
    return containerEntrances(ctx.deps.cgroupLayout, pid, containerId);
  } catch (error) {
    // It has just ended; the runtime has the words for that.
    if (hasCode(error, 'ENOENT', 'ESRCH')) return null;
    throw error;
  }
}
