import { errorMessage, invalid } from '../../shared/errors.js';
import type { HostConfig } from './container-config.js';
import type { ContainersContext } from './containers-context.js';
import { resolveLinks } from './links.js';

/**
 * Checks the other containers that a host configuration names, and turns `container:<name>` and links into such with ids, so that they
 * go on meaning the same ones. An unknown one is only fatal where dockerd says so at create; a start will say it otherwise.
 */
export function checkReferences(ctx: ContainersContext, host: HostConfig): HostConfig {
  return {
    ...host,
    links: resolveLinks(ctx, host),
    ipcMode: byId(ctx, host.ipcMode, true),
    pidMode: byId(ctx, host.pidMode, true),
    networkMode: byId(ctx, host.networkMode, false),
  };
}

function byId(ctx: ContainersContext, mode: string, mustExist: boolean): string {
  const ref = /^container:(.+)$/.exec(mode)?.[1];
  if (ref === undefined) return mode;
  try {
    return `container:${ctx.registry.find(ref).id}`;
  } catch (error) {
    if (mustExist) throw invalid(errorMessage(error));
    return mode;
  }
}
