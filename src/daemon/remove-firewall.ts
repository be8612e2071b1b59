import { rmSync } from 'node:fs';
import { daemonPaths } from '../config/paths.js';
import { NftablesFirewall } from '../host/firewall/nftables-firewall.js';
import { killRelays, relayProcesses } from '../host/relay/relay-processes.js';
import { silentLogger } from '../shared/logger.js';

/**
 * Takes away what a daemon leaves on the host for published ports: the relays, with all sockets and connections that they have, each of which
 * is told of, and its firewall rules.
 */
export async function removeFirewall(
  config: { dataRoot: string; execRoot: string },
  tell: (line: string) => void,
): Promise<void> {
  const { relaySocket } = daemonPaths(config);
  const relays = relayProcesses(relaySocket);
  await killRelays(relays, relaySocket);
  for (const { pid } of relays) tell(`ended the relay of published ports (pid ${pid})`);
  for (const path of [relaySocket, ...relays.map(({ pid }) => `${relaySocket}.${pid}`)]) rmSync(path, { force: true });
  await new NftablesFirewall(silentLogger).teardown();
}
