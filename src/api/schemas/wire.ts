import { Type } from './type.js';

/**
 * Building blocks of the wire schemas. `http/decode-json.ts` is as tolerant with them as Go: any field may be absent or
 * null, unknown ones are ignored, a null item or map value is the type's zero; a wrong type or a fraction where an
 * integer belongs is an error, which names `goType`.
 */

export const Text = Type.Optional(Type.String());
export const Flag = Type.Optional(Type.Boolean());

/** Above 2^53 the last digits are lost. */
export const Int64 = Type.Optional(Type.Integer({ minimum: -(2 ** 63), maximum: 2 ** 63 }));
export const Uint64 = Type.Optional(Type.Integer({ minimum: 0, maximum: 2 ** 64, goType: 'uint64' }));
export const Uint32 = Type.Optional(Type.Integer({ minimum: 0, maximum: 4_294_967_295, goType: 'uint32' }));
export const Uint16 = Type.Optional(Type.Integer({ minimum: 0, maximum: 65_535, goType: 'uint16' }));

export const TextList = Type.Optional(Type.Array(Type.String()));
/** Docker's strslice: a lone string is a list of one. */
export const TextOrList = Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())]));
export const TextMap = Type.Optional(Type.Record(Type.String(), Type.String()));
/** Go's map[string]struct{}: only the keys count. */
export const KeySet = Type.Optional(Type.Record(Type.String(), Type.Object({})));

/** [height, width]; a shorter or longer list is taken as Go takes it into an array of two. */
export const ConsoleSize = Type.Optional(Type.Array(Type.Integer({ minimum: 0, goType: 'uint' })));

/** The list, a lone string as a list of one, or null when it was not given. */
export function listOrNull(value: string[] | string | undefined): string[] | null {
  if (value === undefined) return null;
  return typeof value === 'string' ? [value] : value;
}

/** An object with the keys as names and `{}` as values: how Go prints a set. */
export function keySet(keys: readonly string[]): Record<string, object> {
  return Object.fromEntries(keys.map((key) => [key, {}]));
}

/** undefined (left out of the JSON) for Go's zero value: what `omitempty` does. */
export function omitZero<T>(value: T): T | undefined {
  if (value === '' || value === 0 || value === false || value === null) return undefined;
  if (Array.isArray(value) && value.length === 0) return undefined;
  return value;
}

export function omitEmptyMap<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** null for an empty list: how Go prints a nil slice. */
export function nullIfEmpty<T>(value: readonly T[]): readonly T[] | null {
  return value.length === 0 ? null : value;
}

/** How Go prints a list or map that it was given empty, or not given at all: as null, unless its name is in `explicitlyEmpty`. */
export function givenOrNull(explicitlyEmpty: readonly string[] = []) {
  return <T extends object>(name: string, value: T): T | null =>
    Object.keys(value).length > 0 || explicitlyEmpty.includes(name) ? value : null;
}
