/** As Promise.all, but when one fails it waits for the others first: what is disposed of then is in nobody's use. */
export async function allDone<T extends readonly Promise<unknown>[] | []>(
  work: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  await Promise.allSettled(work);
  return Promise.all(work);
}
