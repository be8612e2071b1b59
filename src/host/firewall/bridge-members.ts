import type { BridgeRules } from './firewall.js';

/** One field of a key: an interface, a block of addresses in CIDR form, or any transport protocol. */
export type KeyField =
  { kind: 'interface'; name: string } | { kind: 'block'; block: string } | { kind: 'any-protocol' };

/** An element of one of the table's sets, or with `value`, an address, of one of its maps. */
export interface SetMember {
  set: string;
  key: KeyField[];
  value?: string;
}

/**
 * All that the table knows of a bridge. It is elements only, so that a network more or less is a handful of elements, and a packet
 * meets as many rules with a thousand networks as with one.
 */
export function bridgeMembers(bridge: BridgeRules): SetMember[] {
  const itself: KeyField = { kind: 'interface', name: bridge.name };
  const families = ([4, 6] as const).filter((version) => isUnprotected(bridge, version));
  return [
    { set: 'bridges', key: [itself] },
    ...(bridge.internal ? [{ set: 'internal', key: [itself] }] : []),
    ...(bridge.icc ? [{ set: 'icc', key: [itself, itself] }] : []),
    ...(bridge.trusted ?? []).map((name) => ({ set: 'trust', key: [{ kind: 'interface' as const, name }, itself] })),
    ...families.map((version) => ({ set: `unprotected${version}`, key: [itself] })),
    ...bridge.subnets.flatMap(({ block, translation }) => {
      const version = versionOf(block);
      const from: KeyField = { kind: 'block', block };
      const source: SetMember[] = [{ set: `own${version}`, key: [from, itself] }];
      if (translation === null || bridge.internal) return source;
      const key: KeyField[] = [from, { kind: 'any-protocol' }];
      if (translation === 'host') source.push({ set: `masquerade${version}`, key });
      else source.push({ set: `snat${version}`, key, value: translation });
      return source;
    }),
  ];
}

function isUnprotected({ subnets, internal }: BridgeRules, version: 4 | 6): boolean {
  return !internal && subnets.some((one) => one.unprotected && versionOf(one.block) === version);
}

const versionOf = (block: string): 4 | 6 => (block.includes(':') ? 6 : 4);
