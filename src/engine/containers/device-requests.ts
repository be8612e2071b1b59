import type { CdiEdits } from '../../host/cdi/cdi-spec.js';
import { internal } from '../../shared/errors.js';
import type { DeviceRequest } from './container-config.js';

/** Where the host's CDI devices are looked up; `CdiRegistry` is it. */
interface CdiDevices {
  resolve(names: readonly string[]): Promise<{ edits: CdiEdits[]; unknown: string[] }>;
}

/**
 * What the devices of `--device vendor.com/class=name` change about a container. There is no other driver: `--gpus` and the like throw
 * internal in dockerd's words, and so does a device that no specification describes. `cdi` null: CDI is turned off.
 */
export async function requestedCdiEdits(
  cdi: CdiDevices | null,
  requests: readonly DeviceRequest[],
): Promise<CdiEdits[]> {
  const names: string[] = [];
  for (const { driver, capabilities, deviceIds } of requests) {
    if (driver !== 'cdi' || !cdi) {
      const wanted = (capabilities ?? []).map((set) => `[${set.join(' ')}]`).join(' ');
      throw internal(`could not select device driver "${driver}" with capabilities: [${wanted}]`);
    }
    names.push(...(deviceIds ?? []));
  }
  if (!cdi || names.length === 0) return [];
  const { edits, unknown } = await cdi.resolve(names);
  if (unknown.length > 0) {
    throw internal(`CDI device injection failed: unresolvable CDI devices ${unknown.join(', ')}`);
  }
  return edits;
}
