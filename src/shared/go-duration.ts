const UNIT_NS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|[\u00b5\u03bc]s|ms|s|m|h)/y;

/** Nanoseconds of a duration as Go writes it (`1h30m`, `1.5s`, `-2m`); null when it is none. */
export function parseGoDurationNs(text: string): number | null {
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return 0;
  if (unsigned === '') return null;
  let ns = 0;
  PART.lastIndex = 0;
  while (PART.lastIndex < unsigned.length) {
    const match = PART.exec(unsigned);
    if (!match) return null;
    ns += Number(match[1]) * (UNIT_NS[match[2] ?? ''] ?? 0);
  }
  return text.startsWith('-') ? -ns : ns;
}
