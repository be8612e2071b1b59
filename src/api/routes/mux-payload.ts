const HEADER_BYTES = 8;
const LENGTH_OFFSET = 4;

/** Takes the 8-byte headers off a multiplexed stream that arrives in pieces cut anywhere. */
export class MuxPayload {
  private header = Buffer.alloc(0);
  private remaining = 0;

  /** The payload bytes in the next piece, of whatever stream. */
  push(chunk: Buffer): Buffer {
    const parts: Buffer[] = [];
    for (let rest = chunk; rest.length > 0;) {
      if (this.remaining === 0) {
        const missing = HEADER_BYTES - this.header.length;
        this.header = Buffer.concat([this.header, rest.subarray(0, missing)]);
        rest = rest.subarray(missing);
        if (this.header.length < HEADER_BYTES) break;
        this.remaining = this.header.readUInt32BE(LENGTH_OFFSET);
        this.header = Buffer.alloc(0);
        continue;
      }
      const part = rest.subarray(0, this.remaining);
      this.remaining -= part.length;
      parts.push(part);
      rest = rest.subarray(part.length);
    }
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }
}
