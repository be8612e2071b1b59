import type { Logger } from '../../shared/logger.js';
import { hasCode } from '../../shared/errors.js';
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/netlink-socket.js';
import { type LegacyFilter, readLegacyFilter } from './legacy-filter.js';
import { NFPROTO } from './nftables-batch.js';
import { findChain } from './nftables-state.js';
import { runCommand } from './run-command.js';

const CHAIN = 'WHARF-FORWARD';
const JUMP = `FORWARD -j ${CHAIN}`;

/** The iptables commands of both families. */
const FAMILIES = [
  { command: 'iptables', nftFamily: NFPROTO.IPV4, version: 4 },
  { command: 'ip6tables', nftFamily: NFPROTO.IPV6, version: 6 },
] as const;

/** One of the tables `filter` that a host may have. */
interface FilterTable {
  /** `iptables-nft`, and `iptables` where there is no such program. */
  commands: readonly [string, string];
  /** What the kernel says of it without a program being run; null: it can't be asked. */
  known: { drops: boolean; hasOurs: boolean } | null;
}

/**
 * Where the host's iptables FORWARD chain drops by default (ufw, a former Docker), lets through what comes from or goes to our
 * bridges: an accept in our own table can't overrule a drop in another. What may pass is still decided in our table.
 * Without such a policy it removes what it once put there. Without iptables it does nothing. `socket` is one for netfilter.
 * Returns whether anything was changed. Runs no program where there is nothing to do.
 */
export async function openIptablesForward(
  socket: NetlinkSocket,
  bridges: readonly string[],
  log: Logger,
): Promise<boolean> {
  let hasChanged = false;
  for (const table of tablesInUse(socket)) {
    const { known, commands } = table;
    if (known && !(known.drops && bridges.length > 0) && !known.hasOurs) continue;
    try {
      if (await open(table, bridges)) hasChanged = true;
    } catch (err) {
      const command = commands[0];
      log.warn({ err, command }, 'the host’s FORWARD chain could not be adjusted; it may drop traffic of containers');
    }
  }
  return hasChanged;
}

/** What tells that somebody has changed the filter tables of legacy iptables, of which nftables' generation says nothing. */
export function legacyFingerprint(): string {
  return FAMILIES.map(({ version }) => {
    const legacy = lookAtLegacy(version);
    return legacy === 'unreadable' ? legacy : (legacy?.fingerprint ?? '');
  }).join(' ');
}

/** 'unreadable': it is there, and iptables has to be asked, which tells better what is wrong. */
function lookAtLegacy(version: 4 | 6): LegacyFilter | 'unreadable' | null {
  try {
    return readLegacyFilter(version, CHAIN);
  } catch {
    return 'unreadable';
  }
}

/** Removes what openIptablesForward put there. */
export async function closeIptablesForward(): Promise<void> {
  using socket = NetlinkSocket.open(NETLINK_NETFILTER);
  for (const table of tablesInUse(socket)) if (table.known?.hasOurs !== false) await remove(table);
}

async function open(table: FilterTable, bridges: readonly string[]): Promise<boolean> {
  const chain = (await runTable(table, '', ['-w', '-S', 'FORWARD']))?.split('\n');
  if (!chain) return false;
  const hasJump = chain.includes(`-A ${JUMP}`);
  if (bridges.length === 0 || !chain.includes('-P FORWARD DROP')) {
    if (!hasJump) return false;
    await remove(table);
    return true;
  }
  // Naming the chain empties it, or makes it; all of it takes effect at once.
  const rules = bridges.flatMap((bridge) => ['i', 'o'].map((way) => `-A ${CHAIN} -${way} ${bridge} -j ACCEPT`));
  const lines = ['*filter', `:${CHAIN} - [0:0]`, ...rules, ...(hasJump ? [] : [`-I ${JUMP}`]), 'COMMIT', ''];
  await runTable(table, '-restore', ['-w', '--noflush'], lines.join('\n'));
  return true;
}

/** iptables would create its tables just by being asked, so it is run only where FORWARD exists already. */
function tablesInUse(socket: NetlinkSocket): FilterTable[] {
  return FAMILIES.flatMap(({ command, nftFamily, version }): FilterTable[] => {
    const forward = findChain(socket, nftFamily, 'filter', 'FORWARD');
    const legacy = lookAtLegacy(version);
    const hasOurs = forward !== null && findChain(socket, nftFamily, 'filter', CHAIN) !== null;
    return [
      ...(forward ? [{ commands: commandsFor(command, 'nft'), known: { drops: forward.drops, hasOurs } }] : []),
      ...(legacy ? [{ commands: commandsFor(command, 'legacy'), known: knownOf(legacy) }] : []),
    ];
  });
}

const knownOf = (legacy: LegacyFilter | 'unreadable'): FilterTable['known'] =>
  legacy === 'unreadable' ? null : { drops: legacy.drops, hasOurs: legacy.hasChain };

const commandsFor = (command: string, kind: string): [string, string] => [`${command}-${kind}`, command];

async function remove(table: FilterTable): Promise<void> {
  const iptables = (...args: string[]): Promise<string | null> => runTable(table, '', ['-w', ...args]);
  const works = (work: Promise<string | null>): Promise<boolean> =>
    work.then(
      (output) => output !== null,
      () => false,
    );
  if (!(await works(iptables('-n', '-L', CHAIN)))) return;
  while (await works(iptables('-D', ...JUMP.split(' ')))) continue;
  await iptables('-F', CHAIN);
  await iptables('-X', CHAIN);
}

/** Runs the table's command, or one of its kin: `-restore`. null: the host has no such programs, and so needs nothing done. */
async function runTable({ commands }: FilterTable, kin: string, args: string[], input = ''): Promise<string | null> {
  for (const command of commands) {
    try {
      return await runCommand(`${command}${kin}`, args, input);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
  return null;
}
