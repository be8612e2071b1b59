import type { DaemonConfig } from '../config/options.js';
import type { ProxySettings } from '../host/registry/proxy.js';
import type { RegistryConfig } from '../host/registry/registry-config.js';
import { ENGINE_VERSION } from '../shared/version.js';

/** Where dockerd looks for the certificates of registries, too. */
const CERTS_DIR = '/etc/docker/certs.d';

/** An option of the daemon, or else the environment variable that programs know. */
function optionOrEnvironment(option: string, name: string): string {
  return option || process.env[name] || process.env[name.toLowerCase()] || '';
}

export function proxySettings(config: DaemonConfig): ProxySettings {
  return {
    httpProxy: optionOrEnvironment(config.httpProxy, 'HTTP_PROXY'),
    httpsProxy: optionOrEnvironment(config.httpsProxy, 'HTTPS_PROXY'),
    noProxy: optionOrEnvironment(config.noProxy, 'NO_PROXY'),
  };
}

export function registryConfig(config: DaemonConfig): RegistryConfig {
  return {
    mirrors: config.registryMirrors,
    insecureRegistries: config.insecureRegistries,
    certsDir: CERTS_DIR,
    userAgent: `docker/${ENGINE_VERSION} node/${process.versions.node} os/linux`,
    proxies: proxySettings(config),
    maxDownloadAttempts: config.maxDownloadAttempts,
  };
}
