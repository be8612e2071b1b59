import type { DaemonConfig } from '../config/options.js';
import { camelCase, OPTION_LIST } from '../config/options.js';

/** Attributes of the `daemon reload` event: the values that count from now on, as dockerd writes them. */
export function reloadAttributes(config: DaemonConfig): Record<string, string> {
  const values = config as unknown as Record<string, unknown>;
  const entries = OPTION_LIST.filter(({ reloadable }) => reloadable).map(({ key }) => {
    const value = values[camelCase(key)];
    return [key, typeof value === 'string' ? value : JSON.stringify(value)] as const;
  });
  return Object.fromEntries(entries);
}
