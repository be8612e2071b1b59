import type { JobInput } from './job-input.js';

/** Chunks that arrive by callback, read as an async iterable. `onTaken` hears of each chunk once it is handed out. */
export class ByteQueue implements JobInput {
  private readonly chunks: Buffer[] = [];
  private ended = false;
  private failure: Error | null = null;
  private wake: (() => void) | null = null;

  constructor(private readonly onTaken: (bytes: number) => void) {}

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.notify();
  }

  end(): void {
    this.ended = true;
    this.notify();
  }

  /** Fails the reader at once; chunks not yet read are dropped. */
  fail(error: Error): void {
    this.failure ??= error;
    this.chunks.length = 0;
    this.notify();
  }

  close(): void {
    this.chunks.length = 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.failure) throw this.failure;
      const chunk = this.chunks.shift();
      if (chunk) {
        this.onTaken(chunk.length);
        yield chunk;
      } else if (this.ended) return;
      else await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private notify(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }
}
