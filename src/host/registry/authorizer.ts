import type { IncomingMessage } from 'node:http';
import { internal } from '../../shared/errors.js';
import { parseAuthChallenge, type AuthChallenge } from './auth-challenge.js';
import { readBody } from './read-body.js';
import { registryErrorOf } from './registry-error.js';
import type { Transport } from './transport.js';

/** Who we are to one registry. Fields are '' when not known. */
export interface RegistryIdentity {
  username: string;
  password: string;
  /** A refresh token, got at login. */
  identityToken: string;
  /** A bearer token to use as it is. */
  registryToken: string;
}

export const ANONYMOUS: RegistryIdentity = { username: '', password: '', identityToken: '', registryToken: '' };

const CLIENT_ID = 'docker';
const MAX_TOKEN_ANSWER_BYTES = 1024 * 1024;
/** A token is renewed this long before its end, so that it does not run out on the way. */
const EXPIRY_MARGIN_MS = 10_000;
const DEFAULT_EXPIRY_SEC = 60;

/**
 * Answers the challenges of one registry, for one identity and scope: basic, or bearer tokens from the server that it
 * names. Source: distribution/spec/auth.
 */
export class Authorizer {
  private header: { value: string; expiresAtMs: number } | null = null;
  private challenge: AuthChallenge | null = null;
  private renewing: Promise<void> | null = null;

  constructor(
    private readonly transport: Transport,
    private readonly identity: RegistryIdentity,
    /** `repository:library/busybox:pull`; '' for a login. */
    private readonly scopes: readonly string[],
  ) {}

  /** The Authorization header to send, or null while the registry has asked for none. */
  async authorization(signal: AbortSignal): Promise<string | null> {
    if (this.challenge && (this.header === null || this.header.expiresAtMs < Date.now())) await this.renewOnce(signal);
    return this.header?.value ?? null;
  }

  /**
   * Takes note of a 401's WWW-Authenticate header. Throws internal `no basic auth credentials` when there are none for a registry that wants them,
   * and what the token server says when it refuses.
   */
  async challenged(header: string | undefined, signal: AbortSignal): Promise<void> {
    const challenge = parseAuthChallenge(header ?? '');
    if (!challenge) return;
    this.challenge = challenge;
    await this.renewOnce(signal);
  }

  /** Several layers find at the same moment that the token ran out. */
  private async renewOnce(signal: AbortSignal): Promise<void> {
    this.renewing ??= this.renew(signal).finally(() => (this.renewing = null));
    await this.renewing;
  }

  private async renew(signal: AbortSignal): Promise<void> {
    const { challenge, identity } = this;
    if (identity.registryToken !== '') {
      this.header = { value: `Bearer ${identity.registryToken}`, expiresAtMs: Infinity };
    } else if (challenge?.scheme === 'basic') {
      if (identity.username === '') throw internal('no basic auth credentials');
      this.header = { value: basic(identity), expiresAtMs: Infinity };
    } else if (challenge?.scheme === 'bearer') {
      this.header = await this.fetchToken(challenge, signal);
    }
  }

  private async fetchToken(
    challenge: AuthChallenge,
    signal: AbortSignal,
  ): Promise<{ value: string; expiresAtMs: number }> {
    const { realm = '', service = '' } = challenge.parameters;
    if (!URL.canParse(realm)) throw internal(`invalid token auth challenge realm: ${JSON.stringify(realm)}`);
    const response =
      this.identity.identityToken === ''
        ? await this.getToken(realm, service, signal)
        : await this.postToken(realm, service, signal);
    if (response.statusCode !== 200) throw await registryErrorOf(response);
    const answer = parseToken(await readBody(response, MAX_TOKEN_ANSWER_BYTES));
    return {
      value: `Bearer ${answer.token}`,
      expiresAtMs: Date.now() + Math.max(answer.expiresInSec * 1000 - EXPIRY_MARGIN_MS, 1000),
    };
  }

  private getToken(realm: string, service: string, signal: AbortSignal): Promise<IncomingMessage> {
    const url = new URL(realm);
    if (service !== '') url.searchParams.set('service', service);
    for (const scope of this.scopes) url.searchParams.append('scope', scope);
    const headers: Record<string, string> = {};
    if (this.identity.username !== '') {
      url.searchParams.set('account', this.identity.username);
      headers['authorization'] = basic(this.identity);
    }
    return this.transport.send({ method: 'GET', url: url.href, headers, signal });
  }

  private postToken(realm: string, service: string, signal: AbortSignal): Promise<IncomingMessage> {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: this.identity.identityToken,
      service,
      client_id: CLIENT_ID,
      scope: this.scopes.join(' '),
    });
    return this.transport.send({
      method: 'POST',
      url: realm,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: Buffer.from(form.toString()),
      signal,
    });
  }
}

function basic(identity: RegistryIdentity): string {
  return `Basic ${Buffer.from(`${identity.username}:${identity.password}`).toString('base64')}`;
}

function parseToken(body: Buffer): { token: string; expiresInSec: number } {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw internal('unable to decode token response', error);
  }
  const fields = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  const token = fields['token'] ?? fields['access_token'];
  if (typeof token !== 'string' || token === '')
    throw internal('authorization server did not include a token in the response');
  const expiresIn = fields['expires_in'];
  return { token, expiresInSec: typeof expiresIn === 'number' && expiresIn > 0 ? expiresIn : DEFAULT_EXPIRY_SEC };
}
