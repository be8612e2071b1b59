import { invalid } from '../../shared/errors.js';

const DEFAULT = 'ctrl-p,ctrl-q';

/**
 * The bytes of a detach sequence such as `ctrl-p,ctrl-q` or `ctrl-@,a`; '' is the default.
 * Throws invalid `Invalid detach keys (x) provided`.
 */
export function parseDetachKeys(text: string): Buffer {
  const keys = (text === '' ? DEFAULT : text).split(',').map(keyCode);
  if (keys.includes(null)) throw invalid(`Invalid detach keys (${text}) provided`);
  return Buffer.from(keys as number[]);
}

function keyCode(key: string): number | null {
  if (Buffer.byteLength(key) === 1) return key.charCodeAt(0);
  const control = /^ctrl-([a-zA-Z@[\\\]^_])$/.exec(key);
  return control ? (control[1] ?? '').toUpperCase().charCodeAt(0) - 64 : null;
}

/** What one chunk of typed bytes comes to: what to pass on, and whether the sequence is complete. */
export interface DetachScan {
  forward: Buffer;
  detached: boolean;
}

/**
 * Looks for the detach sequence in a stream of typed bytes. Bytes that may begin the sequence are held back until it is
 * clear that they do not; then they are passed on.
 */
export class DetachScanner {
  private matched = 0;

  constructor(private readonly keys: Buffer) {}

  push(chunk: Buffer): DetachScan {
    if (this.matched === 0 && !chunk.includes(this.keys[0] ?? 0)) return { forward: chunk, detached: false };
    const out: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.keys[this.matched]) {
        for (let i = 0; i < this.matched; i++) out.push(this.keys[i] ?? 0);
        this.matched = 0;
      }
      if (byte === this.keys[this.matched]) this.matched++;
      else out.push(byte);
      if (this.matched === this.keys.length) return { forward: Buffer.from(out), detached: true };
    }
    return { forward: Buffer.from(out), detached: false };
  }
}
