const FACTORS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

const SIZE = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i;

/**
 * Bytes of a size such as `10m`, `1.5 GiB`, `64KB` or `100`: powers of 1024, whatever the unit's spelling. null when it is
 * none. Source: docker/go-units, RAMInBytes.
 */
export function parseByteSize(text: string): number | null {
  const match = SIZE.exec(text);
  if (!match) return null;
  const bytes = Math.trunc(Number(match[1]) * (FACTORS[(match[2] ?? '').toLowerCase()] ?? 1));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The same with powers of 1000. Source: docker/go-units, FromHumanSize. */
export function parseDecimalSize(text: string): number | null {
  const match = SIZE.exec(text);
  if (!match) return null;
  const exponent = 'kmgtp'.indexOf((match[2] ?? '').toLowerCase() || 'x') + 1;
  const bytes = Math.trunc(Number(match[1]) * 1000 ** exponent);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** A size as Docker prints it: decimal units, four significant digits (`1.987MB`). */
export function humanSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${Number(value.toPrecision(4))}${UNITS[unit]}`;
}
