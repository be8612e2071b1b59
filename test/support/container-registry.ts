import { ContainerRegistry } from '../../src/engine/containers/container-registry.js';
import { silentLogger } from '../../src/shared/logger.js';

/** A registry without containers that stores nothing. */
export function unstoredRegistry(): ContainerRegistry {
  const nothing = (): void => undefined;
  const repository = {
    loadAll: () => [],
    insert: nothing,
    save: nothing,
    saveState: nothing,
    delete: async () => nothing(),
  };
  return new ContainerRegistry(repository, silentLogger);
}
