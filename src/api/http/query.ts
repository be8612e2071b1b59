import type { Filters } from '../../engine/containers/container.js';
import { invalid } from '../../shared/errors.js';
import { parseTimestamp } from './timestamp.js';

const FALSE_WORDS = new Set(['', '0', 'no', 'false', 'none']);

/** A request's query with dockerd's rules. Reading an absent parameter is never an error. */
export class Query {
  private parsed: URLSearchParams | null = null;

  /** `search` is what stands behind the question mark. */
  constructor(private readonly search: string) {}

  private get values(): URLSearchParams {
    return (this.parsed ??= new URLSearchParams(this.search));
  }

  /** First value; '' when absent. */
  string(name: string): string {
    return this.search === '' ? '' : (this.values.get(name) ?? '');
  }

  /** All values of a repeated parameter. */
  strings(name: string): string[] {
    return this.values.getAll(name);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** `''`, `0`, `no`, `false`, `none` in any case are false, everything else true. `fallback` is for an absent one only. */
  bool(name: string, fallback = false): boolean {
    if (this.search === '' || !this.has(name)) return fallback;
    return !FALSE_WORDS.has(this.string(name).trim().toLowerCase());
  }

  /** A decimal integer; `fallback` when absent or empty. Throws invalid with Go's words. */
  int(name: string, fallback: number): number {
    const text = this.string(name);
    if (text === '') return fallback;
    if (!/^[+-]?\d+$/.test(text)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
    const value = Number(text);
    if (!Number.isSafeInteger(value)) {
      throw invalid(`strconv.Atoi: parsing ${JSON.stringify(text)}: value out of range`);
    }
    return value;
  }

  /**
   * Unix seconds with optional fraction, RFC 3339 (with or without zone or time), or a Go duration back from now, as
   * nanoseconds since the epoch; null when absent or empty. Throws invalid.
   */
  timestamp(name: string): bigint | null {
    const text = this.string(name);
    return text === '' ? null : parseTimestamp(text);
  }

  /**
   * The `filters` parameter in either form, `{"k":["v"]}` or `{"k":{"v":true}}`. Throws invalid on bad JSON and, when
   * `accepted` is given, `invalid filter 'x'` on a key that is not in it.
   */
  filters(accepted?: readonly string[]): Filters {
    const text = this.string('filters');
    const filters = text === '' ? new Map<string, string[]>() : parseFilters(text);
    for (const key of filters.keys()) {
      if (accepted && !accepted.includes(key)) throw invalid(`invalid filter '${key}'`);
    }
    return filters;
  }
}

function parseFilters(text: string): Map<string, string[]> {
  const filters = new Map<string, string[]>();
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw invalid('invalid filter', error);
  }
  if (parsed === null) return filters;
  if (typeof parsed !== 'object' || Array.isArray(parsed)) throw invalid('invalid filter');
  for (const [key, values] of Object.entries(parsed)) filters.set(key, filterValues(values));
  return filters;
}

function filterValues(values: unknown): string[] {
  if (values === null) return [];
  if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return values;
  // The form of clients before 1.22; only the keys count.
  if (
    typeof values === 'object' &&
    !Array.isArray(values) &&
    Object.values(values).every((v) => typeof v === 'boolean')
  ) {
    return Object.keys(values);
  }
  throw invalid('invalid filter');
}
