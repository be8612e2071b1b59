import { formatRfc3339Nano } from '../../shared/rfc3339.js';

/** `2006-01-02T15:04:05.000000000Z`: the width to which dockerd pads the times that it shows. */
export const PADDED_TIME_BYTES = 30;

const SECONDS_BYTES = 19;
const LAST_DIGIT = PADDED_TIME_BYTES - 2;
const ZERO = 0x30;
const NINE = 0x39;
const DOT = 0x2e;
const Z = 0x5a;

/** Writes the RFC 3339 time (UTC) at `source[start, end)` with all nine decimals. */
export function writePaddedTime(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): void {
  for (let i = 0; i < PADDED_TIME_BYTES; i++) target[at + i] = paddedByte(source, start, end, i);
}

/** The byte that the time at `source[start, end)` has at `index` when it is padded to nine decimals. */
function paddedByte(source: Uint8Array, start: number, end: number, index: number): number {
  if (index < SECONDS_BYTES) return source[start + index] ?? ZERO;
  if (index === SECONDS_BYTES) return DOT;
  if (index > LAST_DIGIT) return Z;
  const byte = start + index < end ? (source[start + index] ?? ZERO) : ZERO;
  return byte >= ZERO && byte <= NINE ? byte : ZERO;
}

/** A moment that times in a log are compared with, byte by byte: no number is parsed. */
export class LogTimeBound {
  private readonly bytes = new Uint8Array(PADDED_TIME_BYTES);

  constructor(ns: bigint) {
    const text = Buffer.from(formatRfc3339Nano(ns < 0n ? 0n : ns));
    writePaddedTime(this.bytes, 0, text, 0, text.length);
  }

  /** Negative, 0 or positive as the time at `source[start, end)` is before, at or after the bound. */
  compare(source: Uint8Array, start: number, end: number): number {
    for (let i = 0; i <= LAST_DIGIT; i++) {
      const difference = paddedByte(source, start, end, i) - (this.bytes[i] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }
}
