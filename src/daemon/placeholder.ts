import { notImplemented } from '../shared/errors.js';

/** Stands for a part that is not built yet: whatever is asked of it is refused with a sentence. */
export function placeholder<T extends object>(what: string): T {
  return new Proxy({} as T, {
    get: (_, name) => () => {
      throw notImplemented(`${what}: ${String(name)} is not built yet`);
    },
  });
}
