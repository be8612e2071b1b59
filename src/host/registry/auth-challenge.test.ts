import { expect, it } from 'vitest';
import { parseAuthChallenge } from './auth-challenge.js';

it.each<[string, ReturnType<typeof parseAuthChallenge>]>([
  ['Basic realm="basic-realm"', { scheme: 'basic', parameters: { realm: 'basic-realm' } }],
  [
    'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push",error="insufficient_scope"',
    {
      scheme: 'bearer',
      parameters: {
        realm: 'https://auth.example/token',
        service: 'reg',
        scope: 'repository:a/b:pull,push',
        error: 'insufficient_scope',
      },
    },
  ],
  ['Basic Realm=plain , x="a\\"b"', { scheme: 'basic', parameters: { realm: 'plain', x: 'a"b' } }],
  ['Negotiate', { scheme: 'negotiate', parameters: {} }],
  ['', null],
])('%s', (header, expected) => {
  expect(parseAuthChallenge(header)).toEqual(expected);
});
