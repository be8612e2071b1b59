/** What a job of this folder sees of whoever runs it, on a worker thread or in process. */
export interface JobContext {
  /** The stream that was given to the job; empty when none was. A chunk is valid until the next is asked for. */
  input: AsyncIterable<Buffer>;
  /** Hands out a piece of the job's output; resolves when more may be sent, and the buffer used again. */
  emit(chunk: Buffer): Promise<void>;
  progress(bytes: number): void;
  signal: AbortSignal;
}
