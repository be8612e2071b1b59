import type { RegistryCredentials } from '../../engine/images/image-service.js';

/**
 * The credentials of an `X-Registry-Auth` header: base64url of JSON, padded or not. null when it is absent, empty or can't
 * be decoded, which is no error: the registry then sees an anonymous client, as with dockerd.
 */
export function decodeRegistryAuth(header: string | string[] | undefined): RegistryCredentials | null {
  if (typeof header !== 'string' || header === '') return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
  } catch {
    return null; // see above
  }
  if (typeof parsed !== 'object' || parsed === null) return null;
  const fields = new Map(Object.entries(parsed).map(([key, value]) => [key.toLowerCase(), value as unknown]));
  const field = (name: string): string => {
    const value = fields.get(name);
    return typeof value === 'string' ? value : '';
  };
  const credentials = {
    username: field('username'),
    password: field('password'),
    identityToken: field('identitytoken'),
    registryToken: field('registrytoken'),
    serverAddress: field('serveraddress'),
  };
  if (credentials.username === '' && field('auth') !== '') splitAuth(credentials, field('auth'));
  const { username, password, identityToken, registryToken } = credentials;
  return [username, password, identityToken, registryToken].some((value) => value !== '') ? credentials : null;
}

/** `auth` is base64 of `user:password`, as in the client's config.json. */
function splitAuth(credentials: RegistryCredentials, auth: string): void {
  const [username = '', ...password] = Buffer.from(auth, 'base64').toString('utf8').split(':');
  credentials.username = username;
  credentials.password = password.join(':').replace(/\0+$/, '');
}
