import { createStackedLink, type StackedLinkSettings } from './links.js';
import type { NetlinkRequest } from './message.js';

const IFLA_MACVLAN_MODE = 1;
const IFLA_IPVLAN_MODE = 1;
const IFLA_IPVLAN_FLAGS = 2;
const IFLA_VLAN_ID = 1;

/** Source: linux/if_link.h, as are the numbers below. */
const MACVLAN_MODES = { private: 1, vepa: 2, bridge: 4, passthru: 8 } as const;
const IPVLAN_MODES = { l2: 0, l3: 1, l3s: 2 } as const;
const IPVLAN_FLAGS = { bridge: 0, private: 1, vepa: 2 } as const;

/** How links on one parent see each other: directly, over the switch outside, or not at all; `passthru` has the parent for itself. */
export type MacvlanMode = keyof typeof MACVLAN_MODES;
export type IpvlanMode = keyof typeof IPVLAN_MODES;
export type IpvlanFlag = keyof typeof IPVLAN_FLAGS;

/** A link with a hardware address of its own on the parent's wire. For the errors see `createStackedLink`. */
export function createMacvlan(settings: StackedLinkSettings, mode: MacvlanMode): NetlinkRequest {
  return createStackedLink('macvlan', settings, (data) => data.u32(IFLA_MACVLAN_MODE, MACVLAN_MODES[mode]));
}

/** A link that shares the parent's hardware address. For the errors see `createStackedLink`. */
export function createIpvlan(settings: StackedLinkSettings, mode: IpvlanMode, flag: IpvlanFlag): NetlinkRequest {
  return createStackedLink('ipvlan', settings, (data) =>
    data.u16(IFLA_IPVLAN_MODE, IPVLAN_MODES[mode]).u16(IFLA_IPVLAN_FLAGS, IPVLAN_FLAGS[flag]),
  );
}

/** The part of the parent's wire that is tagged with `id`, 1 to 4094. For the errors see `createStackedLink`. */
export function createVlan(settings: StackedLinkSettings, id: number): NetlinkRequest {
  return createStackedLink('vlan', settings, (data) => data.u16(IFLA_VLAN_ID, id));
}
