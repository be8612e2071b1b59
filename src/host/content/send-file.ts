import { open } from 'node:fs/promises';
import type { Writable } from 'node:stream';

const BUFFER_BYTES = 256 * 1024;

/**
 * Writes a part of a file (without the byte at `end`) to a stream, which the caller ends, and says how far it is. Rejects when the file is missing or
 * shorter, and when the stream fails or closes; it must have done with the bytes when it says that they are written, as sockets and requests have.
 *
 * The same two buffers are used all the time: one for each piece, as a file's stream of Node's has it, is garbage of which V8 sees only the
 * small heads, and for which it then searches all of the heap.
 */
export async function sendFile(
  path: string,
  { start, end }: { start: number; end: number },
  to: Writable,
  onSent: (position: number) => void,
): Promise<void> {
  await using file = await open(path, 'r');
  using target = new Target(to);
  const buffers = [Buffer.allocUnsafeSlow(BUFFER_BYTES), Buffer.allocUnsafeSlow(BUFFER_BYTES)] as const;
  let writing: Promise<void> | null = null;
  for (let at = start, [next, other] = buffers; at < end; [next, other] = [other, next]) {
    const { bytesRead } = await file.read(next, 0, Math.min(next.length, end - at), at);
    if (bytesRead === 0) throw new Error(`${path} ends at byte ${at} of ${end}`);
    await writing;
    writing = target.write(next.subarray(0, bytesRead));
    onSent((at += bytesRead));
  }
  await writing;
}

/** A stream of which each write is waited for; its callbacks alone do not come when it is closed before it is connected. */
class Target implements Disposable {
  private broken: Error | null = null;
  private fail: ((error: Error) => void) | null = null;
  private readonly onError = (error: Error): void => {
    this.broken ??= error;
    this.fail?.(this.broken);
  };
  private readonly onClose = (): void => this.onError(new Error('the stream was closed before all was written'));

  constructor(private readonly stream: Writable) {
    stream.on('error', this.onError).on('close', this.onClose);
    if (stream.destroyed) this.onClose();
  }

  /** Resolves when the bytes are not needed any more. */
  write(bytes: Buffer): Promise<void> {
    const written = new Promise<void>((resolve, reject) => {
      this.fail = reject;
      if (this.broken) return reject(this.broken);
      this.stream.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    // Who waits for it reads from the file meanwhile.
    written.catch(() => undefined);
    return written;
  }

  [Symbol.dispose](): void {
    this.stream.off('error', this.onError).off('close', this.onClose);
  }
}
