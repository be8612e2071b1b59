/** Go's strconv.ParseBool; null for what it refuses. */
export function parseBool(text: string): boolean | null {
  if (['1', 't', 'T', 'true', 'TRUE', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(text)) return false;
  return null;
}

const INT64_MAX = 2n ** 63n - 1n;

/** Go's strconv.Atoi, or its words of complaint. A value that a number can't hold exactly is the nearest one. */
export function parseInteger(text: string): number | 'invalid syntax' | 'value out of range' {
  if (!/^[+-]?\d+$/.test(text)) return 'invalid syntax';
  const value = BigInt(text.replace('+', ''));
  return value > INT64_MAX || value < -INT64_MAX - 1n ? 'value out of range' : Number(value);
}
