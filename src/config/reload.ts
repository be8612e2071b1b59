import type { DaemonConfig } from './options.js';
import { camelCase, OPTION_LIST } from './options.js';

/** The running configuration with the new values of those options that a reload takes. */
export function reloadedConfig(running: DaemonConfig, next: DaemonConfig): DaemonConfig {
  const values = next as unknown as Record<string, unknown>;
  const taken = OPTION_LIST.filter(({ reloadable }) => reloadable).map(({ key }) => camelCase(key));
  return { ...running, ...(Object.fromEntries(taken.map((key) => [key, values[key]])) as Partial<DaemonConfig>) };
}
