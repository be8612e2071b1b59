import { invalid } from '../../shared/errors.js';

const LINE_LIMIT_BYTES = 4096;

/** Decodes a chunked body that is read off a detached connection, and keeps what came behind it. */
export class ChunkedDecoder {
  private pending: Buffer = Buffer.alloc(0);
  private readonly chunks: Buffer[] = [];
  private size = 0;
  private done = false;

  constructor(private readonly limitBytes: number) {}

  /** Takes bytes as they arrive; true once the last chunk was read. Throws invalid on anything malformed or too large. */
  push(data: Buffer): boolean {
    this.pending = this.pending.length > 0 ? Buffer.concat([this.pending, data]) : data;
    while (!this.done && this.step());
    return this.done;
  }

  body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /** The bytes behind the body. */
  get rest(): Buffer {
    return this.pending;
  }

  /** Takes one chunk; false when it has not arrived completely. */
  private step(): boolean {
    const lineEnd = this.pending.indexOf('\r\n');
    if (lineEnd < 0) {
      if (this.pending.length > LINE_LIMIT_BYTES) throw invalid('malformed chunked encoding');
      return false;
    }
    const sizeText = this.pending.toString('latin1', 0, lineEnd).split(';', 1)[0]?.trim() ?? '';
    if (!/^[0-9a-fA-F]{1,8}$/.test(sizeText)) throw invalid('malformed chunked encoding');
    const size = Number.parseInt(sizeText, 16);
    if (size === 0) return this.trailer(lineEnd);
    if (this.size + size > this.limitBytes) throw invalid('http: request body too large');
    const start = lineEnd + 2;
    if (this.pending.length < start + size + 2) return false;
    this.chunks.push(this.pending.subarray(start, start + size));
    this.size += size;
    this.pending = this.pending.subarray(start + size + 2);
    return true;
  }

  /** Skips trailer fields up to the empty line. */
  private trailer(lineEnd: number): boolean {
    const end = this.pending.indexOf('\r\n\r\n', lineEnd);
    if (end < 0) return false;
    this.pending = this.pending.subarray(end + 4);
    this.done = true;
    return true;
  }
}
