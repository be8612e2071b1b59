/** Lines of `name value`. */
export function parseFlat(text: string): Record<string, number> {
  const pairs = text
    .split('\n')
    .map((line) => line.split(/[ \t]+/))
    .filter(([name, value]) => name !== '' && value !== undefined)
    .map(([name, value]) => [name, Number(value)] as const);
  return Object.fromEntries(pairs) as Record<string, number>;
}
