import type { ApiServer, TlsOptions } from '../api/http/server.js';
import type { DaemonConfig } from '../config/options.js';
import type { Logger } from '../shared/logger.js';

/** Serves the API on every host of the configuration. Throws when one of them can't be had. */
export async function listenOnHosts(
  api: ApiServer,
  config: DaemonConfig,
  groupIsDefault: boolean,
  log: Logger,
): Promise<void> {
  const tls = tlsOptions(config);
  for (const host of config.hosts) {
    if (host.startsWith('tcp://') && !config.tlsverify) {
      log.warn(
        { host },
        'Binding to an IP address without --tlsverify gives root access on this machine to whoever reaches it',
      );
    }
    for (const address of await api.listen(host, { tls, group: config.group, groupIsDefault })) {
      log.info(`API listen on ${address}`);
    }
  }
}

function tlsOptions({ tls, tlsverify, tlscacert, tlscert, tlskey }: DaemonConfig): TlsOptions | null {
  if (!tls) return null;
  return { verify: tlsverify, caPath: tlscacert === '' ? null : tlscacert, certPath: tlscert, keyPath: tlskey };
}
