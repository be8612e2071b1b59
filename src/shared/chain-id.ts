import { digestOf } from './digest.js';

/**
 * The chain IDs of a stack of layers given by diff ID, bottom first: each names its layer together with all below it.
 * Source: OCI image-spec config.md, "Layer ChainID".
 */
export function chainIdsOf(diffIds: readonly string[]): string[] {
  const chainIds: string[] = [];
  for (const diffId of diffIds) {
    const below = chainIds.at(-1);
    chainIds.push(below === undefined ? diffId : digestOf(`${below} ${diffId}`));
  }
  return chainIds;
}
