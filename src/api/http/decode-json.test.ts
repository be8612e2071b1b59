import { Type } from 'typebox';
import { describe, expect, it } from 'vitest';
import { decodeJson } from './decode-json.js';

const Schema = Type.Object(
  {
    Image: Type.String(),
    Memory: Type.Integer(),
    Tty: Type.Optional(Type.Boolean()),
    Cmd: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
    Ports: Type.Optional(
      Type.Record(Type.String(), Type.Array(Type.Object({ HostPort: Type.String() }, { goType: 'PortBinding' }))),
    ),
    Width: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535, goType: 'uint16' })),
    Options: Type.Optional(Type.Record(Type.String(), Type.String())),
    Any: Type.Optional(Type.Unknown()),
  },
  { goType: 'Config' },
);

describe('decoding as Go does', () => {
  it('fills plain fields with zero values and leaves optional ones out', () => {
    expect(decodeJson(Schema, {})).toEqual({ Image: '', Memory: 0 });
    expect(decodeJson(Schema, null)).toEqual({ Image: '', Memory: 0 });
  });

  it('drops nulls, unknown keys and the case of keys', () => {
    expect(decodeJson(Schema, { image: 'a', MEMORY: 5, Tty: null, nosuch: 1, Cmd: 'x', Any: { deep: [1] } })).toEqual({
      Image: 'a',
      Memory: 5,
      Cmd: 'x',
      Any: { deep: [1] },
    });
    expect(decodeJson(Schema, { Cmd: ['a', null], Ports: { '80/tcp': [null, {}] } })).toMatchObject({
      Cmd: ['a', ''],
      Ports: { '80/tcp': [{ HostPort: '' }, { HostPort: '' }] },
    });
  });

  it('is not fooled by __proto__', () => {
    const decoded = decodeJson(Schema, JSON.parse('{"__proto__":{"Image":"evil"},"Options":{"__proto__":"x"}}'));
    expect(decoded.Image).toBe('');
    expect(Object.entries(decoded.Options ?? {})).toEqual([['__proto__', 'x']]);
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  it.each([
    [{ Image: 5 }, 'number into Go struct field Config.Image of type string'],
    [{ image: true }, 'bool into Go struct field Config.image of type string'],
    [{ Memory: '5' }, 'string into Go struct field Config.Memory of type int64'],
    [{ Memory: 1.5 }, 'number 1.5 into Go struct field Config.Memory of type int64'],
    [{ Memory: 1e30 }, 'number 1e+30 into Go struct field Config.Memory of type int64'],
    [{ Width: -1 }, 'number -1 into Go struct field Config.Width of type uint16'],
    [{ Width: 70000 }, 'number 70000 into Go struct field Config.Width of type uint16'],
    [{ Tty: 1 }, 'number into Go struct field Config.Tty of type bool'],
    [{ Options: [] }, 'array into Go struct field Config.Options of type map[string]string'],
    [{ Options: { a: 5 } }, 'number into Go struct field Config.Options.a of type string'],
    [
      { Ports: { '80/tcp': [{ HostPort: 80 }] } },
      'number into Go struct field Config.Ports.80~1tcp.0.HostPort of type string',
    ],
    [[], 'array into Go value of type Config'],
    ['x', 'string into Go value of type Config'],
  ])('refuses %j', (value, problem) => {
    expect(() => decodeJson(Schema, value)).toThrow(`invalid JSON: json: cannot unmarshal ${problem}`);
  });
});
