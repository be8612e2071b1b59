import { describe, expect, it } from 'vitest';
import { decodeRegistryAuth } from './registry-auth.js';

const encode = (value: unknown, encoding: 'base64' | 'base64url' = 'base64url'): string =>
  Buffer.from(JSON.stringify(value)).toString(encoding);

describe('X-Registry-Auth', () => {
  it('is base64url, padded or not', () => {
    const expected = {
      username: 'ü>?',
      password: 'p:w',
      identityToken: '',
      registryToken: '',
      serverAddress: 'reg:5000',
    };
    const value = { username: 'ü>?', password: 'p:w', serveraddress: 'reg:5000' };
    expect(decodeRegistryAuth(encode(value))).toEqual(expected);
    expect(decodeRegistryAuth(encode(value, 'base64'))).toEqual(expected);
  });

  it('takes the auth field of a config.json', () => {
    const auth = Buffer.from('user:pass:word').toString('base64');
    expect(decodeRegistryAuth(encode({ auth }))).toMatchObject({ username: 'user', password: 'pass:word' });
  });

  it.each([undefined, '', '%%%', encode('text'), encode(null), encode({}), encode({ username: 5 }), 'e30='])(
    'is nobody for %j',
    (header) => {
      expect(decodeRegistryAuth(header)).toBeNull();
    },
  );
});
