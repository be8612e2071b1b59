import { readFileSync } from 'node:fs';
import type { Logger } from '../../shared/logger.js';
import { hasCode } from '../../shared/errors.js';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/netlink-socket.js';
import { NFPROTO } from './nftables-batch.js';
import { hasChain } from './nftables-state.js';
import { runCommand } from './run-command.js';

const CHAIN = 'WHARF-FORWARD';

/** The iptables commands of both families, each with the file that says whether its legacy tables are in use. */
const FAMILIES = [
  { command: 'iptables', nftFamily: NFPROTO.IPV4, legacyTables: '/proc/net/ip_tables_names' },
  { command: 'ip6tables', nftFamily: NFPROTO.IPV6, legacyTables: '/proc/net/ip6_tables_names' },
] as const;

type Family = (typeof FAMILIES)[number];

/**
 * Where the host's iptables FORWARD chain drops by default (ufw, a former Docker), lets through what comes from or goes to our
 * bridges: an accept in our own table can't overrule a drop in another. What may pass is still decided in our table.
 * Without such a policy it removes what it once put there. Without iptables it does nothing.
 */
export async function openIptablesForward(bridges: readonly string[], log: Logger): Promise<void> {
  for (const family of FAMILIES) {
    for (const command of await commandsInUse(family)) {
      try {
        const drops = (await runCommand(command, ['-w', '-S', 'FORWARD'])).startsWith('-P FORWARD DROP');
        if (drops && bridges.length > 0) await insert(command, bridges);
        else await remove(command);
      } catch (err) {
        log.warn({ err, command }, 'the host’s FORWARD chain could not be adjusted; it may drop traffic of containers');
      }
    }
  }
}

/** Removes what openIptablesForward put there. */
export async function closeIptablesForward(): Promise<void> {
  for (const family of FAMILIES) {
    for (const command of await commandsInUse(family)) await remove(command);
  }
}

/** iptables would create its tables just by being asked, so it is run only where FORWARD exists already. */
async function commandsInUse(family: Family): Promise<string[]> {
  const commands: string[] = [];
  using socket = NetlinkSocket.open(NETLINK_NETFILTER);
  if (hasChain(socket, family.nftFamily, 'filter', 'FORWARD')) commands.push(`${family.command}-nft`);
  if (legacyFilterInUse(family.legacyTables)) commands.push(`${family.command}-legacy`);
  const present: string[] = [];
  for (const command of commands) {
    if (await succeeds(command, ['--version'])) present.push(command);
    else if (await succeeds(family.command, ['--version'])) present.push(family.command);
  }
  return present;
}

function legacyFilterInUse(file: string): boolean {
  try {
    return readFileSync(file, 'utf8').split('\n').includes('filter');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

async function insert(command: string, bridges: readonly string[]): Promise<void> {
  if (!(await succeeds(command, ['-w', '-n', '-L', CHAIN]))) await runCommand(command, ['-w', '-N', CHAIN]);
  await runCommand(command, ['-w', '-F', CHAIN]);
  for (const bridge of bridges) {
    await runCommand(command, ['-w', '-A', CHAIN, '-i', bridge, '-j', 'ACCEPT']);
    await runCommand(command, ['-w', '-A', CHAIN, '-o', bridge, '-j', 'ACCEPT']);
  }
  if (!(await succeeds(command, ['-w', '-C', 'FORWARD', '-j', CHAIN]))) {
    await runCommand(command, ['-w', '-I', 'FORWARD', '-j', CHAIN]);
  }
}

async function remove(command: string): Promise<void> {
  if (!(await succeeds(command, ['-w', '-n', '-L', CHAIN]))) return;
  while (await succeeds(command, ['-w', '-D', 'FORWARD', '-j', CHAIN])) continue;
  await runCommand(command, ['-w', '-F', CHAIN]);
  await runCommand(command, ['-w', '-X', CHAIN]);
}

async function succeeds(command: string, args: string[]): Promise<boolean> {
  return runCommand(command, args).then(
    () => true,
    () => false,
  );
}
