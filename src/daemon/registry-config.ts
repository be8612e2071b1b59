import type { DaemonConfig } from '../config/options.js';
import type { RegistryConfig } from '../host/registry/registry-config.js';
import { ENGINE_VERSION } from '../shared/version.js';

/** Where dockerd looks for the certificates of registries, too. */
const CERTS_DIR = '/etc/docker/certs.d';

export function registryConfig(config: DaemonConfig): RegistryConfig {
  return {
    mirrors: config.registryMirrors,
    insecureRegistries: config.insecureRegistries,
    certsDir: CERTS_DIR,
    userAgent: `docker/${ENGINE_VERSION} node/${process.versions.node} os/linux`,
    maxDownloadAttempts: config.maxDownloadAttempts,
  };
}
