/** What the daemon as a whole was configured with, as far as `info` and `version` tell it. */
export interface SystemSettings {
  debug: boolean;
  experimental: boolean;
  labels: string[];
  dataRoot: string;
  loggingDriver: string;
  logDrivers: string[];
  cgroupDriver: 'cgroupfs' | 'systemd';
  /** With one slash at the end. */
  registryMirrors: string[];
  /** As configured: hosts and CIDRs. */
  insecureRegistries: string[];
  httpProxy: string;
  httpsProxy: string;
  noProxy: string;
  addressPools: { base: string; size: number }[];
  /** Private namespaces by default. */
  cgroupNamespaces: boolean;
  noNewPrivileges: boolean;
  /** `builtin`, `unconfined` or a file's path. */
  seccompProfile: string;
  /** TCP addresses that anybody may talk to without a certificate. */
  insecureAddresses: string[];
  initPath: string | null;
  /** None where CDI is turned off. */
  cdiSpecDirs: string[];
}
