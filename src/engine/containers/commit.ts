import { conflict, invalid } from '../../shared/errors.js';
import { familiarString } from '../../shared/reference.js';
import { applyChanges } from '../images/changes.js';
import type { Image, ImageRunConfig } from '../images/image.js';
import { referenceFor } from '../images/import.js';
import { pausedForCommit } from './commit-pause.js';
import type { ContainerConfig } from './container-config.js';
import type { CommitContainerRequest } from './container-service.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { mergeImageConfig } from './merge-image-config.js';

/** Never: a commit runs to its end whatever the client does. */
const NEVER = new AbortController().signal;

/**
 * Makes an image of what a container changed. The container's lock is held throughout, as its files must not go away; a stop or
 * removal waits for that.
 */
export async function commitContainer(ctx: ContainersContext, request: CommitContainerRequest): Promise<Image> {
  const reference = referenceFor(request.repo, request.tag);
  if (request.container === '') throw invalid('invalid name or ID supplied: ""');
  const entry = ctx.registry.find(request.container);
  using _lock = await ctx.locks.acquire(entry.id);
  const { state, config, imageId } = entry.container;
  if (state.dead) throw conflict(`You cannot commit container ${entry.id} which is Dead`);
  if (state.removalInProgress || ctx.registry.get(entry.id) !== entry) {
    throw conflict(`You cannot commit container ${entry.id} which is being removed`);
  }
  await ctx.ahead.touch(ctx, entry);
  const own = applyChanges(runConfig(request.config ?? config), request.changes);
  const merged = runConfig(mergeImageConfig({ ...config, ...own }, runConfig(config)));
  await using _pause = request.pause ? await pausedForCommit(ctx, entry) : null;
  const { author, comment } = request;
  const image = await ctx.deps.images.commit(
    {
      upper: ctx.deps.snapshots.upper(entry.id),
      parentId: imageId,
      config: merged,
      createdBy: (config.cmd ?? []).join(' '),
      author,
      comment,
      reference,
    },
    NEVER,
  );
  const imageRef = reference === null ? '' : familiarString(reference);
  emitContainerEvent(ctx, entry, 'commit', { comment, imageID: image.id, imageRef });
  return image;
}

/** The part of a container's configuration that an image has too. */
function runConfig(config: ContainerConfig | ImageRunConfig): ImageRunConfig {
  const { user, exposedPorts, env, cmd, entrypoint, volumes, workingDir } = config;
  const { labels, stopSignal, healthcheck, onBuild, shell, argsEscaped } = config;
  return {
    ...{ user, exposedPorts, env, cmd, entrypoint, volumes, workingDir },
    ...{ labels, stopSignal, healthcheck, onBuild, shell, argsEscaped },
  };
}
