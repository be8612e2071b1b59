import type { Type as TypeBoxType } from 'typebox';

type Schema = Record<string, unknown>;
type Builders = Pick<
  typeof TypeBoxType,
  'Array' | 'Boolean' | 'Integer' | 'Object' | 'Optional' | 'Record' | 'String' | 'Union' | 'Unknown'
>;

const optional = new WeakSet<object>();

/**
 * The part of typebox's `Type` that wire shapes are made of, with typebox's own static types. Only the types are taken from
 * there: loading its 370 modules would be a quarter of the daemon's start, and all that is needed of it at run time are
 * these plain JSON schemas. A test compares them with the originals.
 */
export const Type = {
  Array: (items: Schema, options?: Schema) => ({ type: 'array', items, ...options }),
  Boolean: (options?: Schema) => ({ type: 'boolean', ...options }),
  Integer: (options?: Schema) => ({ type: 'integer', ...options }),
  String: (options?: Schema) => ({ type: 'string', ...options }),
  Unknown: (options?: Schema) => ({ ...options }),
  Union: (anyOf: Schema[], options?: Schema) => ({ anyOf, ...options }),
  Record: (_key: Schema, value: Schema, options?: Schema) => ({
    type: 'object',
    patternProperties: { '^.*$': value },
    ...options,
  }),
  Object: (properties: Record<string, Schema>, options?: Schema) => {
    const required = Object.keys(properties).filter((key) => !optional.has(properties[key] ?? {}));
    return { type: 'object', ...(required.length > 0 ? { required } : {}), properties, ...options };
  },
  Optional: (schema: Schema) => {
    const copy = { ...schema };
    optional.add(copy);
    return copy;
  },
} as unknown as Builders;
