import { invalid } from './errors.js';

const LINE_LIMIT_BYTES = 4096;
const CR = 13;
const LF = 10;
const MAX_PLAIN_DIGITS = 8;

type State = 'data' | 'size' | 'data-end' | 'trailer' | 'done';

/** Takes the framing off an HTTP/1.1 body as it arrives. What follows the body is ignored. */
export class HttpBodyDecoder {
  private state: State;
  /** Bytes of the body, or of the current chunk, that are still to come. */
  private left: number;
  private line = '';

  /** `lengthBytes` is the announced length; null: the body is chunked. */
  constructor(private readonly lengthBytes: number | null) {
    this.left = lengthBytes ?? 0;
    this.state = lengthBytes === null ? 'size' : lengthBytes === 0 ? 'done' : 'data';
  }

  /** Whether the body is complete. */
  get done(): boolean {
    return this.state === 'done';
  }

  /** Takes the next bytes and hands out views of those that are content. Throws invalid on malformed chunks. */
  push(data: Buffer, content: (piece: Buffer) => void): void {
    for (let at = 0; at < data.length && this.state !== 'done';) {
      at += this.state === 'data' ? this.takeContent(data, at, content) : this.takeLine(data, at);
    }
  }

  private takeContent(data: Buffer, at: number, content: (piece: Buffer) => void): number {
    const piece = data.subarray(at, at + this.left);
    this.left -= piece.length;
    if (this.left === 0) this.state = this.lengthBytes === null ? 'data-end' : 'done';
    content(piece);
    return piece.length;
  }

  /** The lines between chunks: the end of one, the size of the next, trailers. */
  private takeLine(data: Buffer, at: number): number {
    const quick = this.line === '' ? this.takePlainLine(data, at) : 0;
    if (quick > 0) return quick;
    const end = data.indexOf(10, at);
    const part = data.toString('latin1', at, end < 0 ? data.length : end + 1);
    this.line += part;
    if (this.line.length > LINE_LIMIT_BYTES) throw malformed();
    if (end >= 0) {
      const line = this.line.replace(/\r?\n$/, '');
      this.line = '';
      this.endLine(line);
    }
    return part.length;
  }

  /** What clients send thousands of times: an empty line, or one of hexadecimal digits alone. 0: it is something else. */
  private takePlainLine(data: Buffer, at: number): number {
    if (this.state === 'data-end') {
      if (data[at] !== CR || data[at + 1] !== LF) return 0;
      this.state = 'size';
      return 2;
    }
    if (this.state !== 'size') return 0;
    let size = 0;
    let end = at;
    for (; end - at < MAX_PLAIN_DIGITS; end++) {
      const digit = hexDigit(data[end]);
      if (digit < 0) break;
      size = size * 16 + digit;
    }
    if (size === 0 || data[end] !== CR || data[end + 1] !== LF) return 0;
    this.left = size;
    this.state = 'data';
    return end + 2 - at;
  }

  private endLine(line: string): void {
    if (this.state === 'data-end') {
      if (line !== '') throw malformed();
      this.state = 'size';
    } else if (this.state === 'trailer') {
      if (line === '') this.state = 'done';
    } else {
      const size = line.split(';', 1)[0]?.trim() ?? '';
      if (!/^[0-9a-fA-F]{1,12}$/.test(size)) throw malformed();
      this.left = Number.parseInt(size, 16);
      this.state = this.left === 0 ? 'trailer' : 'data';
    }
  }
}

/** -1: it is none. */
function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function malformed(): Error {
  return invalid('malformed chunked encoding');
}
