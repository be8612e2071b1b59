import type { ProxySettings } from './proxy.js';

/** What it takes to speak HTTP to registries. Plain data: it crosses to worker threads. */
export interface NetworkConfig {
  /** Hosts (`name[:port]`) and CIDRs that may be spoken to over plain HTTP or unverified TLS. */
  insecureRegistries: string[];
  /** Folder of `<host>/{*.crt,*.cert,*.key,hosts.toml}`. */
  certsDir: string;
  userAgent: string;
  proxies: ProxySettings;
}

/** What the daemon's options say about registries. */
export interface RegistryConfig extends NetworkConfig {
  /** Base URLs, tried in order before Docker Hub. */
  mirrors: string[];
  /** Default 5. */
  maxDownloadAttempts: number;
}
