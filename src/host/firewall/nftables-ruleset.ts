import { bridgeMembers, type KeyField, type SetMember } from './bridge-members.js';
import type { FirewallExceptions, FirewallState, PortRule } from './firewall.js';

export const TABLE = 'wharfd';
export const ADMIN_CHAIN = 'wharf-user';
/** Drops what is none of our bridges' business, where the host forwarded nothing before us. */
export const GUARD_CHAIN = 'not-a-router';

/** The map that a port goes to: by family, and by whether it is published on one address or on all. */
export function mapOf(port: PortRule): string {
  const family = port.containerAddress.includes(':') ? '6' : '4';
  if (isDirect(port)) return `${port.trustedOnly ? 'trusted' : 'direct'}${family}`;
  return `published${family}${isWildcard(port.hostIp) ? '' : '_at'}`;
}

/** Whether a port is reached at the container's own address. Those are in sets; the others are in maps. */
export function isDirect({ hostIp }: PortRule): boolean {
  return hostIp === '';
}

export function isWildcard(address: string): boolean {
  return address === '0.0.0.0' || address === '::';
}

/**
 * The whole table as one nft transaction: what is there of ours is emptied and filled again, atomically. Ports are looked up
 * in maps and bridges in sets, so that the cost of a packet does not grow with their number, and the rules are always the same.
 */
export function renderRuleset(state: FirewallState): string {
  return [...declarations(), ...guard(state), ...exceptions(state), ...elements(state), ''].join('\n');
}

/** The transaction that removes it all. */
export function renderTeardown(): string {
  return `add table inet ${TABLE}\ndelete table inet ${TABLE}\n`;
}

/** Which blocks of addresses are whose, and what happens to them: concatenations, since the kernel has ranges in those at no cost. */
const RANGES = '; flags interval';

/** Sets and maps: name to what nft calls their type. */
const SETS: Record<string, string> = {
  bridges: 'type ifname',
  internal: 'type ifname',
  icc: 'type ifname . ifname',
  trust: 'type ifname . ifname',
  unprotected4: 'type ifname',
  unprotected6: 'type ifname',
  direct4: 'type ipv4_addr . inet_proto . inet_service',
  direct6: 'type ipv6_addr . inet_proto . inet_service',
  trusted4: 'type ipv4_addr . inet_proto . inet_service',
  trusted6: 'type ipv6_addr . inet_proto . inet_service',
  own4: `type ipv4_addr . ifname${RANGES}`,
  own6: `type ipv6_addr . ifname${RANGES}`,
  masquerade4: `type ipv4_addr . inet_proto${RANGES}`,
  masquerade6: `type ipv6_addr . inet_proto${RANGES}`,
};
const MAPS: Record<string, string> = {
  published4: 'type inet_proto . inet_service : ipv4_addr . inet_service',
  published4_at: 'type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service',
  published6: 'type inet_proto . inet_service : ipv6_addr . inet_service',
  published6_at: 'type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service',
  snat4: `type ipv4_addr . inet_proto : ipv4_addr${RANGES}`,
  snat6: `type ipv6_addr . inet_proto : ipv6_addr${RANGES}`,
};

/** What leaves a bridge for elsewhere, and what comes back to it from where it went. */
const TRANSLATION = [
  'ip saddr 127.0.0.0/8 oifname @bridges masquerade',
  'ip saddr . oifname @own4 goto within-bridge',
  'ip6 saddr . oifname @own6 goto within-bridge',
  // Of the header, not `meta l4proto`: for that nft 1.0.6 swaps bytes where there is one, which kernels of 2026 (7.2) refuse.
  'snat ip to ip saddr . ip protocol map @snat4',
  'snat ip6 to ip6 saddr . ip6 nexthdr map @snat6',
  'ip saddr . ip protocol @masquerade4 masquerade',
  'ip6 saddr . ip6 nexthdr @masquerade6 masquerade',
];

export const ALL_SETS: readonly string[] = [...Object.keys(SETS), ...Object.keys(MAPS)];

const CHAINS: Record<string, { hook: string; rules: string[] }> = {
  raw: {
    hook: 'type filter hook prerouting priority raw; policy accept;',
    // route_localnet is on for our bridges, so that the host's 127.0.0.1 reaches published ports; without these two
    // rules containers would reach whatever listens on the host's loopback. Every packet meets them: addresses are compared sooner than
    // interfaces are looked up.
    rules: ['ip daddr 127.0.0.0/8 iifname @bridges drop', 'ip saddr 127.0.0.0/8 iifname @bridges drop'],
  },
  prerouting: {
    hook: 'type nat hook prerouting priority dstnat; policy accept;',
    // A packet from outside for 127.0.0.0/8 gets this far only where somebody turned route_localnet on for that interface.
    rules: ['ip daddr 127.0.0.0/8 return', 'fib daddr type local jump publish'],
  },
  output: {
    hook: 'type nat hook output priority -100; policy accept;',
    // The kernel takes no answer to ::1 from elsewhere; whoever serves the port at the host's ::1 is left to it.
    rules: ['ip6 daddr ::1 return', 'fib daddr type local jump publish'],
  },
  publish: {
    hook: '',
    rules: [
      'dnat ip to ip daddr . meta l4proto . th dport map @published4_at',
      'dnat ip to meta l4proto . th dport map @published4',
      'dnat ip6 to ip6 daddr . meta l4proto . th dport map @published6_at',
      'dnat ip6 to meta l4proto . th dport map @published6',
    ],
  },
  postrouting: {
    hook: 'type nat hook postrouting priority srcnat; policy accept;',
    rules: TRANSLATION,
  },
  'within-bridge': {
    hook: '',
    // A container that dials a published port of its own bridge: without this the answer would come straight from the other
    // container's address, which the caller never dialled.
    rules: ['ct status dnat masquerade'],
  },
  forward: {
    hook: 'type filter hook forward priority filter; policy accept;',
    rules: [
      `jump ${ADMIN_CHAIN}`,
      // What was let through once goes on, whichever way, without being looked up again.
      'ct state established,related accept',
      'oifname @bridges goto into-bridge',
      'iifname @internal drop',
      'iifname != @bridges jump not-a-router',
    ],
  },
  'into-bridge': {
    hook: '',
    rules: [
      'ct status dnat accept',
      'iifname . oifname @icc accept',
      'iifname @internal drop',
      'ip daddr . meta l4proto . th dport @direct4 accept',
      'ip6 daddr . meta l4proto . th dport @direct6 accept',
      'iifname . oifname @trust ip daddr . meta l4proto . th dport @trusted4 accept',
      'iifname . oifname @trust ip6 daddr . meta l4proto . th dport @trusted6 accept',
      'meta nfproto ipv4 oifname @unprotected4 accept',
      'meta nfproto ipv6 oifname @unprotected6 accept',
      'drop',
    ],
  },
};

/** Chains that are made once and whose rules stay when the rest is written again. */
const KEPT_CHAINS = [ADMIN_CHAIN, GUARD_CHAIN];

function declarations(): string[] {
  const add = (kind: string, name: string, body = ''): string =>
    `add ${kind} inet ${TABLE} ${name}${body === '' ? '' : ` { ${body.replaceAll(';', ' ;')} }`}`;
  const chains = Object.entries(CHAINS);
  return [
    `add table inet ${TABLE}`,
    ...Object.entries(SETS).flatMap(([name, type]) => [
      add('set', name, `${type};`),
      `flush set inet ${TABLE} ${name}`,
    ]),
    ...Object.entries(MAPS).flatMap(([name, type]) => [
      add('map', name, `${type};`),
      `flush map inet ${TABLE} ${name}`,
    ]),
    ...KEPT_CHAINS.map((name) => add('chain', name)),
    ...chains.flatMap(([name, { hook }]) => [add('chain', name, hook), `flush chain inet ${TABLE} ${name}`]),
    ...chains.flatMap(([name, { rules }]) => rules.map((rule) => addRule(name, rule))),
  ];
}

const addRule = (chain: string, rule: string): string => `add rule inet ${TABLE} ${chain} ${rule}`;

function guard({ forwardingSwitchedOn }: FirewallState): string[] {
  return forwardingSwitchedOn ? [`flush chain inet ${TABLE} not-a-router`, addRule('not-a-router', 'drop')] : [];
}

/** Rules that come before all others of their chain. */
function exceptions({ acceptMark, ignoresIpv6 }: FirewallExceptions): string[] {
  const insert = (chain: string, rule: string): string => `insert rule inet ${TABLE} ${chain} ${rule}`;
  const [mark, mask] = (acceptMark ?? '').split('/');
  return [
    ...(mark ? [insert('into-bridge', `meta mark${mask ? ` and ${mask} ==` : ''} ${mark} accept`)] : []),
    ...(ignoresIpv6 ? [insert('forward', 'meta nfproto ipv6 accept')] : []),
  ];
}

function elements({ bridges, ports }: FirewallState): string[] {
  const bySet = new Map<string, string[]>();
  const put = (set: string, element: string): void => {
    const members = bySet.get(set);
    if (members) members.push(element);
    else bySet.set(set, [element]);
  };
  for (const member of bridges.flatMap(bridgeMembers)) put(member.set, memberText(member));
  for (const port of ports) put(mapOf(port), portText(port));
  return [...bySet].map(([set, members]) => `add element inet ${TABLE} ${set} { ${members.join(', ')} }`);
}

function memberText({ key, value }: SetMember): string {
  return `${key.map(fieldText).join(' . ')}${value === undefined ? '' : ` : ${value}`}`;
}

function fieldText(field: KeyField): string {
  switch (field.kind) {
    case 'interface':
      return `"${field.name}"`;
    case 'block':
      return field.block;
    case 'any-protocol':
      return '0-255';
  }
}

function portText(port: PortRule): string {
  if (isDirect(port)) return `${port.containerAddress} . ${port.proto} . ${port.containerPort}`;
  const key = isWildcard(port.hostIp) ? '' : `${port.hostIp} . `;
  return `${key}${port.proto} . ${port.hostPort} : ${port.containerAddress} . ${port.containerPort}`;
}
