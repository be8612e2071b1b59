/** Large enough that messages to a thread cost little, small enough to be in the processor's cache still when it is written. */
const BATCH_BYTES = 128 * 1024;
/** How long a few bytes may wait for more: a source that pauses is not held up. */
const FLUSH_MS = 5;

/** Joins small chunks into pieces of memory of their own, which may be transferred to another thread. */
export class ByteBatch {
  private chunks: Uint8Array[] = [];
  private bytes = 0;
  private timer: NodeJS.Timeout | null = null;

  /** `send` is called with each piece, from add() or, when no more came in time, by itself. */
  constructor(private readonly send: (piece: Uint8Array<ArrayBuffer>) => void) {}

  /** Keeps a view of the chunk until the batch is sent. */
  add(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes >= BATCH_BYTES) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Sends what there is. */
  flush(): void {
    const { chunks, bytes } = this;
    this.discard();
    if (bytes === 0) return;
    const piece = new Uint8Array(Buffer.allocUnsafeSlow(bytes).buffer);
    let at = 0;
    for (const chunk of chunks) {
      piece.set(chunk, at);
      at += chunk.length;
    }
    this.send(piece);
  }

  /** Forgets what was not sent. */
  discard(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.chunks = [];
    this.bytes = 0;
  }
}
