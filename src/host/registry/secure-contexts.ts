import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls';
import { hasCode } from '../../shared/errors.js';
import type { TlsSettings } from './client-certificates.js';

/** Where systems keep the authorities that their owner trusts; dockerd looks there, Node does not. */
const SYSTEM_BUNDLES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

/** TLS contexts by what they are made of: reading all authorities takes too long to do it for each connection. */
export class SecureContexts {
  private readonly contexts = new Map<string, SecureContext>();
  private system: string[] | null = null;

  /** A key that is the same for the same settings. */
  key(settings: TlsSettings): string {
    return createHash('sha256').update(JSON.stringify(settings)).digest('base64');
  }

  get(settings: TlsSettings): SecureContext {
    const key = this.key(settings);
    let context = this.contexts.get(key);
    if (!context) {
      this.system ??= systemAuthorities();
      context = createSecureContext({
        ca: [...this.system, ...settings.authorities],
        ...(settings.certificate === '' ? {} : { cert: settings.certificate, key: settings.key }),
      });
      this.contexts.set(key, context);
    }
    return context;
  }
}

function systemAuthorities(): string[] {
  const named = process.env['SSL_CERT_FILE'];
  for (const path of named === undefined || named === '' ? SYSTEM_BUNDLES : [named]) {
    try {
      return [readFileSync(path, 'utf8')];
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'EACCES')) throw error;
    }
  }
  return [...rootCertificates];
}
