/** Stands for a number; no name that the kernel or Docker accepts has a colon. */
const MARK = 'exactly:';
const MARKED = new RegExp(`"${MARK}(\\d+)"`, 'g');

/** JSON with the numbers that are bigints written in full: a double would lose the last digits of what is above 2^53. */
export function stringifyExactly(value: unknown): string {
  const marked = JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? `${MARK}${inner}` : inner,
  );
  return marked.replaceAll(MARKED, '$1');
}
