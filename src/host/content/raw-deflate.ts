import { constants, createDeflateRaw, deflateRawSync, type DeflateRaw } from 'node:zlib';

/** Half of the time of zlib's default level, for three percent more bytes (measured on shared libraries). */
const LEVEL = 4;
const OUT_BYTES = 256 * 1024;

/** What Node keeps behind a stream of zlib's, and does not document. */
interface Handle {
  writeSync(
    flush: number,
    data: Buffer,
    dataOffset: number,
    dataBytes: number,
    out: Buffer,
    outOffset: number,
    outBytes: number,
  ): void;
}

/**
 * Deflates pieces that stand for themselves: each begins with an empty window and ends at a byte, with no last block. zlib is set up once for
 * all of them, which for a piece of a few kilobytes takes longer than the piece. The same pieces in the same order give the same bytes. Dispose of it.
 */
export class RawDeflate implements Disposable {
  private readonly stream: DeflateRaw = createDeflateRaw({ level: LEVEL });
  private readonly out = Buffer.allocUnsafeSlow(OUT_BYTES);
  private readonly inner: { handle: Handle; state: Uint32Array } | null;

  /** `useHandle`: false does it by what Node documents alone; some pieces become a few bytes longer or shorter then. */
  constructor(useHandle = true) {
    const { _handle: handle, _writeState: state } = this.stream as { _handle?: Handle; _writeState?: unknown };
    const isThere = typeof handle?.writeSync === 'function' && state instanceof Uint32Array;
    this.inner = useHandle && isThere ? { handle, state } : null;
    this.stream.on('error', () => undefined); // thrown by who writes
  }

  /** Calls `write` with what a piece becomes, bit by bit; the buffer is used again. Throws when zlib fails, which ends this. */
  deflate(piece: Buffer, write: (bytes: Buffer) => void): void {
    if (!this.inner) return write(deflateRawSync(piece, { level: LEVEL, finishFlush: constants.Z_SYNC_FLUSH }));
    const { handle, state } = this.inner;
    const { out } = this;
    for (let left = piece.length; ;) {
      this.throwIfFailed();
      handle.writeSync(constants.Z_FULL_FLUSH, piece, piece.length - left, left, out, 0, out.length);
      this.throwIfFailed();
      const [room = 0, rest = 0] = state;
      left = rest;
      if (room < out.length) write(out.subarray(0, out.length - room));
      // Room that is left over says that the flush is through.
      if (room > 0) return;
    }
  }

  [Symbol.dispose](): void {
    this.stream.close();
  }

  /** The handle of a stream that has failed is closed: another call of it would end the process. */
  private throwIfFailed(): void {
    if (this.stream.destroyed) throw this.stream.errored ?? new Error('zlib has been closed');
  }
}
