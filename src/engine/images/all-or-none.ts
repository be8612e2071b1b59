/**
 * Does something for each item at once. The first that fails aborts the others, and is what is thrown once all have ended; but an
 * abort of `signal` comes first.
 */
export async function allOrNone<Item, Result>(
  items: readonly Item[],
  signal: AbortSignal,
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<Result[]> {
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const running = items.map((item) =>
    work(item, either).catch((error: unknown) => {
      // The others stop too; what they throw then only says so.
      failure.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(running);
  signal.throwIfAborted();
  failure.signal.throwIfAborted();
  return Promise.all(running);
}
