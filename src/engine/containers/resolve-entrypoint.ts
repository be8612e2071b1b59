import type { ImageRunConfig } from '../images/image.js';
import type { ContainerConfig } from './container-config.js';

/** What the container will run: `path` and `args` of inspect, and the lists as its configuration keeps them. */
export interface ResolvedCommand {
  entrypoint: readonly string[] | null;
  cmd: readonly string[] | null;
  argv: string[];
}

/**
 * The rules of who wins between an image's and a container's entrypoint and command: a command alone replaces the image's
 * command; an entrypoint, even an empty one given as `[""]`, drops the image's command as well; `[""]` itself resets to none.
 * An empty `argv` means that there is nothing to run.
 */
export function resolveEntrypoint(
  own: Pick<ContainerConfig, 'entrypoint' | 'cmd'>,
  image: Pick<ImageRunConfig, 'entrypoint' | 'cmd'> | null,
): ResolvedCommand {
  let { entrypoint, cmd } = own;
  const given = entrypoint !== null && entrypoint.length > 0;
  if (!given && image) {
    if (cmd === null || cmd.length === 0) cmd = image.cmd;
    if (entrypoint === null) entrypoint = image.entrypoint;
  }
  if (entrypoint?.length === 1 && entrypoint[0] === '') entrypoint = null;
  return { entrypoint, cmd, argv: [...(entrypoint ?? []), ...(cmd ?? [])] };
}
