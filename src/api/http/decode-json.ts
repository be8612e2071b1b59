import type { Static, TSchema } from 'typebox';
import { invalid } from '../../shared/errors.js';

/**
 * The parts of a schema that the decoder reads. `goType` is what Go calls the type, for error messages: the struct's name
 * for objects (`HostConfig`), `int64` by default for integers.
 */
interface WireSchema {
  type?: string;
  goType?: string;
  properties?: Record<string, WireSchema>;
  required?: string[];
  patternProperties?: Record<string, WireSchema>;
  additionalProperties?: unknown;
  items?: WireSchema;
  anyOf?: WireSchema[];
  minimum?: number;
  maximum?: number;
  const?: unknown;
}

/**
 * A parsed JSON value as Go's encoding/json would decode it into the schema's struct: keys are matched exactly, then
 * regardless of case; null leaves a field as it is; unknown keys are ignored; required properties (Go's plain fields) get
 * their zero value when absent, optional ones (Go's pointers) stay undefined; nothing is coerced. Throws invalid with Go's
 * words on a wrong type.
 */
export function decodeJson<S extends TSchema>(schema: S, value: unknown): Static<S> {
  const wire = schema as WireSchema;
  return decode(wire, value ?? zero(wire), { struct: wire.goType ?? '', path: [] }) as Static<S>;
}

interface Place {
  /** Name of the outermost struct. */
  struct: string;
  path: string[];
}

function decode(schema: WireSchema, value: unknown, place: Place): unknown {
  if (schema.anyOf) return decodeUnion(schema.anyOf, value, place);
  switch (schema.type) {
    case 'string':
    case 'boolean':
      if (typeof value !== schema.type) throw mismatch(schema, value, place);
      return value;
    case 'integer':
      if (typeof value !== 'number' || !fitsInteger(schema, value)) throw mismatch(schema, value, place);
      return value;
    case 'number':
      if (typeof value !== 'number') throw mismatch(schema, value, place);
      return value;
    case 'array':
      if (!Array.isArray(value)) throw mismatch(schema, value, place);
      return decodeArray(schema, value, place);
    case 'object':
      if (!isObject(value)) throw mismatch(schema, value, place);
      return schema.patternProperties || !schema.properties
        ? decodeMap(schema, value, place)
        : decodeStruct(schema, schema.properties, value, place);
    default:
      return value;
  }
}

function decodeUnion(members: WireSchema[], value: unknown, place: Place): unknown {
  const last = members.findLast(({ type }) => type !== 'null');
  let failure: unknown;
  for (const member of members) {
    if (member.type === 'null') {
      if (value === null) return null;
      continue;
    }
    // The last one says what is wrong. To make an error for each takes longer than all else that is done here.
    if (member !== last && !isKind(member, value)) continue;
    try {
      return decode(member, value, place);
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

/** Whether a value may be what the schema says, as far as can be seen from outside. */
function isKind({ type }: WireSchema, value: unknown): boolean {
  if (type === 'array') return Array.isArray(value);
  return type !== 'string' && type !== 'boolean' ? true : typeof value === type;
}

function decodeArray(schema: WireSchema, values: unknown[], place: Place): unknown[] {
  const { items } = schema;
  if (!items) return values;
  return values.map((item, index) => decode(items, item ?? zero(items), inside(place, String(index))));
}

function decodeMap(schema: WireSchema, value: object, place: Place): object {
  const item = Object.values(schema.patternProperties ?? {})[0];
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value)) {
    const decoded: unknown = item ? decode(item, (entry as unknown) ?? zero(item), inside(place, key)) : entry;
    // Not by assignment: a key named __proto__ is a key like any other.
    Object.defineProperty(result, key, { value: decoded, enumerable: true, writable: true, configurable: true });
  }
  return result;
}

function decodeStruct(
  schema: WireSchema,
  properties: Record<string, WireSchema>,
  value: object,
  place: Place,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, entry] of Object.entries(value) as [string, unknown][]) {
    if (entry === null) continue;
    const name = Object.hasOwn(properties, key) ? key : foldedNames(properties).get(key.toLowerCase());
    const property = name === undefined ? undefined : properties[name];
    if (name !== undefined && property) result[name] = decode(property, entry, inside(place, key));
  }
  for (const name of schema.required ?? []) {
    const property = properties[name];
    if (property && !(name in result)) result[name] = zero(property);
  }
  return result;
}

const folded = new WeakMap<object, Map<string, string>>();

function foldedNames(properties: Record<string, WireSchema>): Map<string, string> {
  let names = folded.get(properties);
  if (!names) {
    names = new Map(Object.keys(properties).map((name) => [name.toLowerCase(), name]));
    folded.set(properties, names);
  }
  return names;
}

/** Go's zero value of a schema's type. */
function zero(schema: WireSchema): unknown {
  if (schema.anyOf) return schema.anyOf.some((s) => s.type === 'null') ? null : zero(schema.anyOf[0] ?? {});
  switch (schema.type) {
    case 'string':
      return '';
    case 'boolean':
      return false;
    case 'integer':
    case 'number':
      return 0;
    case 'array':
      return [];
    case 'object':
      return Object.fromEntries(
        (schema.required ?? []).map((name) => [name, zero(schema.properties?.[name] ?? {})] as const),
      );
    default:
      return null;
  }
}

function fitsInteger(schema: WireSchema, value: number): boolean {
  if (!Number.isInteger(value) || Math.abs(value) > 2 ** 64) return false;
  return value >= (schema.minimum ?? -Infinity) && value <= (schema.maximum ?? Infinity);
}

function inside(place: Place, key: string): Place {
  return { struct: place.struct, path: [...place.path, key] };
}

function mismatch(schema: WireSchema, value: unknown, place: Place): Error {
  const number = typeof value === 'number' && schema.type === 'integer' ? ` ${value}` : '';
  const what = jsonKind(value) + number;
  const field = place.path.map((key) => key.replaceAll('~', '~0').replaceAll('/', '~1')).join('.');
  const where = place.path.length ? `struct field ${place.struct}.${field} of type` : 'value of type';
  return invalid(`invalid JSON: json: cannot unmarshal ${what} into Go ${where} ${goTypeName(schema)}`);
}

function jsonKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

function goTypeName(schema: WireSchema): string {
  if (schema.goType) return schema.goType;
  switch (schema.type) {
    case 'boolean':
      return 'bool';
    case 'integer':
      return 'int64';
    case 'number':
      return 'float64';
    case 'array':
      return `[]${goTypeName(schema.items ?? {})}`;
    case 'object':
      return `map[string]${goTypeName(Object.values(schema.patternProperties ?? {})[0] ?? {})}`;
    case 'string':
      return 'string';
    default:
      return 'interface {}';
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
