import type { Filters } from '../../engine/containers/container.js';

/** A request's query with dockerd's rules. Reading an absent parameter is never an error. */
export interface Query {
  /** First value; '' when absent. */
  string(name: string): string;
  /** All values of a repeated parameter. */
  strings(name: string): string[];
  has(name: string): boolean;
  /** `''`, `0`, `no`, `false`, `none` in any case are false, everything else true. `fallback` is for absent or empty. */
  bool(name: string, fallback?: boolean): boolean;
  /** A decimal integer; `fallback` when absent or empty. Throws invalid with Go's words (`strconv.ParseInt: parsing "x": invalid syntax`). */
  int(name: string, fallback: number): number;
  /**
   * Unix seconds with optional fraction, RFC 3339 (with or without zone or time), or a Go duration back from now, as
   * nanoseconds since the epoch; null when absent or empty. Throws invalid.
   */
  timestamp(name: string): bigint | null;
  /**
   * The `filters` parameter in either form, `{"k":["v"]}` or `{"k":{"v":true}}`. Throws invalid on bad JSON and, when
   * `accepted` is given, `invalid filter 'x'` on a key that is not in it.
   */
  filters(accepted?: readonly string[]): Filters;
}
