import { expect, it } from 'vitest';
import { Type as TypeBox } from 'typebox';
import { Type } from './type.js';

const build = (T: typeof Type): unknown =>
  T.Object(
    {
      a: T.Optional(T.Integer({ minimum: 1 })),
      b: T.Array(T.String({ goType: 'x' })),
      c: T.Record(T.String(), T.Unknown()),
      d: T.Optional(T.Union([T.String(), T.Boolean()])),
      e: T.Object({ f: T.Optional(T.Boolean()) }, { goType: 'E' }),
    },
    { goType: 'Top', additionalProperties: true },
  );

it('makes the schemas that typebox makes', () => {
  expect(build(Type)).toEqual(JSON.parse(JSON.stringify(build(TypeBox))));
  expect(build(Type)).toHaveProperty('required', ['b', 'c', 'e']);
});
