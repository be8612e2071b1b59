import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { errorMessage, hasCode } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import { checkCdiSpec, type CdiEdits, type CdiSpec } from './cdi-spec.js';

/** A device that a specification file describes. */
interface CdiDevice {
  spec: CdiSpec;
  edits: CdiEdits;
}

/**
 * The devices that the host's CDI specification files describe, JSON or YAML. The directories are read anew each time: drivers write
 * their files whenever they like, and containers that ask for such devices are few. A later directory goes before an earlier one.
 */
export class CdiRegistry {
  constructor(
    /** Absolute; one that is not there has no devices. */
    readonly directories: readonly string[],
    private readonly log: Logger,
  ) {}

  /** The full names (`vendor.com/class=name`) of all devices, sorted. */
  async names(): Promise<string[]> {
    return [...(await this.read()).keys()].sort();
  }

  /**
   * What these devices (by full name) change about a container: the edits of each file once, then those of the devices, in the order
   * given. `unknown`: those that no file describes, or two files of one directory.
   */
  async resolve(names: readonly string[]): Promise<{ edits: CdiEdits[]; unknown: string[] }> {
    const devices = await this.read();
    const unknown = names.filter((name) => !devices.has(name));
    const specs = new Set<CdiSpec>();
    const edits: CdiEdits[] = [];
    for (const name of names) {
      const device = devices.get(name);
      if (!device) continue;
      if (!specs.has(device.spec)) edits.push(device.spec.containerEdits ?? {});
      specs.add(device.spec);
      edits.push(device.edits);
    }
    return { edits, unknown };
  }

  private async read(): Promise<Map<string, CdiDevice>> {
    const all = new Map<string, CdiDevice>();
    for (const directory of this.directories) {
      const own = new Map<string, CdiDevice>();
      const ambiguous = new Set<string>();
      for (const spec of await this.specsIn(directory)) {
        for (const { name, containerEdits } of spec.devices) {
          const fullName = `${spec.kind}=${name}`;
          if (own.has(fullName)) ambiguous.add(fullName);
          own.set(fullName, { spec, edits: containerEdits ?? {} });
        }
      }
      for (const [name, device] of own) all.set(name, device);
      for (const name of ambiguous) all.delete(name);
    }
    return all;
  }

  /** A file that can't be read is logged: the others go on meaning what they say. */
  private async specsIn(directory: string): Promise<CdiSpec[]> {
    const specs: CdiSpec[] = [];
    for (const name of namesIn(directory)) {
      const path = join(directory, name);
      try {
        specs.push(checkCdiSpec(await parse(path)));
      } catch (err) {
        this.log.warn({ path, reason: errorMessage(err) }, 'ignoring a CDI specification');
      }
    }
    return specs;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => ['.json', '.yaml', '.yml'].includes(extname(name)))
      .sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return [];
    throw error;
  }
}

async function parse(path: string): Promise<unknown> {
  const text = readFileSync(path, 'utf8');
  if (extname(path) === '.json') return JSON.parse(text) as unknown;
  // Loaded only where somebody has such a file: most hosts have none.
  const yaml = await import('yaml');
  return yaml.parse(text) as unknown;
}
