import { createLink, deleteLink, findLink, setLink } from '../../host/netlink/links.js';
import { createVlan } from '../../host/netlink/stacked-links.js';
import { internal } from '../../shared/errors.js';
import { macvlanMode, parentOption } from './lan-options.js';
import type { Network, ParentInterface } from './model.js';
import type { NetworksContext } from './networks-context.js';
import { systemErrorText } from './system-error-text.js';

const LARGEST_VLAN = 4094;

/**
 * The host's interface under a macvlan or ipvlan network: the one asked for, or else one that leads nowhere. It is ours, to be made and
 * removed, when it is not there yet, or when it is there for another network of ours.
 */
export function chooseParent(ctx: NetworksContext, network: Network): ParentInterface {
  const name = parentOption(network) || `dm-${network.id.slice(0, 12)}`;
  const sharer = sharersOf(ctx, network.id, name)[0]?.parent;
  return { name, isOurs: sharer ? sharer.isOurs : findLink(ctx.routes, name) === null };
}

/** A parent in mode `passthru` is for one network alone. Throws in dockerd's words. */
export function refuseSharedParent(ctx: NetworksContext, network: Network): void {
  if (network.driver !== 'macvlan' || !network.parent) return;
  const { name } = network.parent;
  const isAlone = macvlanMode(network) === 'passthru';
  for (const other of sharersOf(ctx, network.id, name).filter(({ driver }) => driver === 'macvlan')) {
    const uses = `macvlan network ${other.id} is already using parent interface ${name}`;
    if (isAlone) throw internal(`cannot use mode passthru, ${uses}`);
    if (macvlanMode(other) === 'passthru') throw internal(`${uses} in mode passthru`);
  }
}

/** Makes the parent where it is not there: `eth0.50` as a VLAN of eth0, one of no name as a dummy. Throws in dockerd's words. */
export function ensureParent(ctx: NetworksContext, network: Network): void {
  const { name = '' } = network.parent ?? {};
  if (name === 'lo') throw internal(`loopback interface is not a valid ${network.driver} parent link`);
  if (findLink(ctx.routes, name)) return;
  if (parentOption(network) === '') makeDummy(ctx, name);
  else makeVlan(ctx, name);
}

function makeDummy(ctx: NetworksContext, name: string): void {
  try {
    ctx.routes.request(createLink('dummy', { name, up: true }));
  } catch (error) {
    throw internal(`failed to create ${name} dummy link: ${systemErrorText(error)}`, error);
  }
}

function makeVlan(ctx: NetworksContext, name: string): void {
  if (!name.includes('.')) throw internal(`invalid subinterface vlan name ${name}, example formatting is eth0.10`);
  const [parentName = '', tag = '', rest] = name.split('.');
  if (rest !== undefined) {
    throw internal(
      `required interface name format is: name.vlan_id, ex. eth0.10 for vlan 10, instead received ${name}`,
    );
  }
  if (!/^[+-]?\d+$/.test(tag)) throw internal(`unable to parse a valid vlan id from: ${tag} (ex. eth0.10 for vlan 10)`);
  const parent = parentName === '' ? null : findLink(ctx.routes, parentName);
  if (!parent) throw internal(`-o parent interface was not found on the host: ${parentName}`);
  const id = Number(tag);
  if (id < 1 || id > LARGEST_VLAN) throw internal(`vlan id must be between 1-${LARGEST_VLAN}, received: ${id}`);
  try {
    ctx.routes.request(createVlan({ name, parent: parent.index }, id), setLink(name, { up: true }));
  } catch (error) {
    throw internal(`failed to create ${name} vlan link: ${systemErrorText(error)}`, error);
  }
}

/** At boot: makes the parent again where it went with the host's last run; what we make is ours from then on. */
export function restoreParent(ctx: NetworksContext, network: Network): void {
  const { parent } = network;
  if (!parent || findLink(ctx.routes, parent.name)) return;
  ensureParent(ctx, network);
  network.parent = { ...parent, isOurs: true };
  ctx.repository.updateNetwork(network);
}

/** Removes the parent, if it is ours and no other network is on it; none is fine. */
export function removeParent(ctx: NetworksContext, { id, parent }: Network): void {
  if (!parent?.isOurs || sharersOf(ctx, id, parent.name).length > 0) return;
  if (findLink(ctx.routes, parent.name)) ctx.routes.request(deleteLink(parent.name));
}

function sharersOf(ctx: NetworksContext, id: string, parentName: string): Network[] {
  return [...ctx.networks.values()].filter((other) => other.id !== id && other.parent?.name === parentName);
}
