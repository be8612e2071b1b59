/** Bytes, and a view of the same memory that takes four of them at once. */
export interface Bytes {
  readonly bytes: Buffer;
  readonly words: DataView;
}

export const bytesOf = (bytes: Buffer): Bytes => ({
  bytes,
  words: new DataView(bytes.buffer, bytes.byteOffset, bytes.length),
});

/** What a view takes at once. */
export const WORD_BYTES = 4;

/** A text whose length is a multiple of four, for `hasWords`. */
export function wordsOf(text: string): Int32Array {
  const { words } = bytesOf(Buffer.from(text));
  return Int32Array.from({ length: words.byteLength / WORD_BYTES }, (_, index) => words.getInt32(index * WORD_BYTES));
}

/** Whether these words are what the bytes from `at` on are. */
export function hasWords({ words }: Bytes, at: number, expected: Int32Array): boolean {
  if (at + expected.byteLength > words.byteLength) return false;
  for (let i = 0; i < expected.length; i++) if (words.getInt32(at + i * WORD_BYTES) !== expected[i]) return false;
  return true;
}
