import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { internal } from '../../shared/errors.js';
import type { InsecureRegistries } from './insecure-registries.js';

/** How to speak TLS to a host. Plain data. */
export interface TlsSettings {
  rejectUnauthorized: boolean;
  /** PEM of authorities besides the system's. */
  authorities: string[];
  /** PEM of what we show; '' for nothing. */
  certificate: string;
  key: string;
}

/**
 * What `<certsDir>/<host>/` holds for a registry: `*.crt` are authorities besides the system's, `*.cert` with its `*.key`
 * is what we show. Read anew each time, as people add certificates under a running daemon.
 * Source: docs.docker.com/engine/security/certificates.
 */
export function tlsFor(authority: string, certsDir: string, insecure: InsecureRegistries): TlsSettings {
  const settings: TlsSettings = {
    rejectUnauthorized: !insecure.has(authority),
    authorities: [],
    certificate: '',
    key: '',
  };
  const dir = join(certsDir, authority);
  // An authority has been parsed from a reference or URL; it has no slash, but could be dots.
  if (authority === '' || /^\.+$/.test(authority) || !existsSync(dir)) return settings;
  const names = readdirSync(dir).sort();
  const read = (name: string): string => readFileSync(join(dir, name), 'utf8');
  settings.authorities = names.filter((name) => name.endsWith('.crt')).map(read);
  for (const name of names.filter((candidate) => candidate.endsWith('.cert'))) {
    const keyName = name.replace(/\.cert$/, '.key');
    if (!names.includes(keyName)) {
      throw internal(
        `missing key ${keyName} for client certificate ${name}. CA certificates must use the extension .crt`,
      );
    }
    settings.certificate = read(name);
    settings.key = read(keyName);
  }
  const orphan = names.find((name) => name.endsWith('.key') && !names.includes(name.replace(/\.key$/, '.cert')));
  if (orphan !== undefined) {
    throw internal(`missing client certificate ${orphan.replace(/\.key$/, '.cert')} for key ${orphan}`);
  }
  return settings;
}
