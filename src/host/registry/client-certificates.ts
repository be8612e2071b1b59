import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { internal } from '../../shared/errors.js';

export interface TlsMaterial {
  ca?: string[];
  cert?: string;
  key?: string;
}

/**
 * What `<certsDir>/<host>/` holds for a registry: `*.crt` are authorities besides the system's, `*.cert` with its `*.key`
 * is what we show. Source: docs.docker.com/engine/security/certificates.
 */
export function readClientCertificates(certsDir: string, host: string): TlsMaterial {
  const dir = join(certsDir, host);
  // A host is an authority that has been parsed from a reference or URL; it has no slash, but could be dots.
  if (host === '' || /^\.+$/.test(host) || !existsSync(dir)) return {};
  const names = readdirSync(dir).sort();
  const read = (name: string): string => readFileSync(join(dir, name), 'utf8');
  const authorities = names.filter((name) => name.endsWith('.crt'));
  const material: TlsMaterial = {};
  if (authorities.length > 0) material.ca = [...rootCertificates, ...authorities.map(read)];
  for (const name of names.filter((candidate) => candidate.endsWith('.cert'))) {
    const keyName = name.replace(/\.cert$/, '.key');
    if (!names.includes(keyName)) {
      throw internal(
        `missing key ${keyName} for client certificate ${name}. CA certificates must use the extension .crt`,
      );
    }
    material.cert = read(name);
    material.key = read(keyName);
  }
  return material;
}
