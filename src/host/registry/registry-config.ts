/** What the daemon's options say about registries. */
export interface RegistryConfig {
  /** Base URLs, tried in order before Docker Hub. */
  mirrors: string[];
  /** Hosts (`name[:port]`) and CIDRs that may be spoken to over plain HTTP or unverified TLS. */
  insecureRegistries: string[];
  /** Folder of `<host>/{*.crt,*.cert,*.key}`. */
  certsDir: string;
  userAgent: string;
  /** Default 5. */
  maxDownloadAttempts: number;
}
