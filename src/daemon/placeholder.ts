import { notImplemented } from '../shared/errors.js';

/** Stands for a part that is not built yet: whatever is asked of it is refused with a sentence. */
export function placeholder<T extends object>(what: string): T {
  return new Proxy({} as T, {
    get: (target, name) =>
      Object.hasOwn(target, name)
        ? (target as Record<string | symbol, unknown>)[name]
        : () => {
            throw notImplemented(`${what}: ${String(name)} is not built yet`);
          },
  });
}
