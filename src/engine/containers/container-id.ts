import { randomHex } from '../../shared/random-hex.js';
import type { ContainerRegistry } from './container-registry.js';

/** Draws an id that no container has. */
export function newContainerId(registry: ContainerRegistry): string {
  for (;;) {
    const id = randomHex(32);
    // An id of digits alone would be taken for a number by some clients; a known prefix would make short ids ambiguous.
    if (!/^\d+$/.test(id.slice(0, 12)) && !registry.get(id)) return id;
  }
}
