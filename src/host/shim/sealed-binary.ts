import { readFileSync } from 'node:fs';
import type { Logger } from '../../shared/logger.js';
import { sealedProgram } from '../sys/memfd.js';

/**
 * A copy of wharf-shim to run where a container can see it: a process that joins a container is found there in /proc with its
 * program, and root in the container could write to that (CVE-2019-5736). Nobody can write to the copy. It lasts as long as
 * this process.
 */
export class SealedBinary {
  private copy: string | null | undefined;

  constructor(
    private readonly path: string,
    private readonly log: Logger,
  ) {}

  /** What to execute; null where the kernel won't have it. */
  get executable(): string | null {
    if (this.copy === undefined) this.copy = this.make();
    return this.copy;
  }

  private make(): string | null {
    try {
      return `/proc/self/fd/${sealedProgram('wharf-shim', readFileSync(this.path))}`;
    } catch (err) {
      this.log.warn({ err }, 'no sealed program can be made here: each exec costs a start of the runtime');
      return null;
    }
  }
}
