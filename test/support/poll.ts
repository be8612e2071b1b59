/** How many times as long as elsewhere things may take here; an emulated processor is slow. */
const PATIENCE = Number(process.env['WHARF_TEST_PATIENCE'] ?? 1);

/** Asks until the answer is truthy; tests wait for conditions, never for time. Throws with `what` after the deadline. */
export async function poll<T>(
  what: string,
  ask: () => T | Promise<T>,
  { timeoutMs = 20_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Exclude<T, null | undefined | false | '' | 0>> {
  const deadline = Date.now() + timeoutMs * PATIENCE;
  for (;;) {
    const answer = await ask();
    if (answer) return answer as Exclude<T, null | undefined | false | '' | 0>;
    if (Date.now() > deadline) throw new Error(`timed out waiting for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
