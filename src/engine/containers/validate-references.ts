import { errorMessage, internal, invalid } from '../../shared/errors.js';
import type { HostConfig } from './container-config.js';
import type { ContainersContext } from './containers-context.js';

/**
 * Checks the other containers that a host configuration names, and turns `container:<name>` into `container:<id>`, so that it
 * goes on meaning the same one. An unknown one is only fatal where dockerd says so at create; a start will say it otherwise.
 */
export function checkReferences(ctx: ContainersContext, host: HostConfig): HostConfig {
  for (const link of host.links) checkLink(ctx, link);
  return {
    ...host,
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

function checkLink(ctx: ContainersContext, link: string): void {
  const parts = link.split(':');
  if (link === '' || parts.length > 2) throw internal(`bad format for links: ${link}`);
  try {
    ctx.registry.find(parts[0] ?? '');
  } catch (error) {
    throw invalid(`could not get container for ${parts[0]}: ${errorMessage(error)}`);
  }
}
