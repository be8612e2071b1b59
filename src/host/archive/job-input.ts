/** Where a job's bytes come from. A chunk is valid until the next is asked for. */
export interface JobInput extends AsyncIterable<Buffer> {
  /** Makes the reader fail at once; chunks not yet read are dropped. */
  fail(error: Error): void;
  /** Lets go of what it holds; the reader is done. */
  close(): void;
}
