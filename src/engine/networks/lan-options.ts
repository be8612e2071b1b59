import type { IpvlanFlag, IpvlanMode, MacvlanMode } from '../../host/netlink/stacked-links.js';
import { internal } from '../../shared/errors.js';
import type { Network } from './model.js';

/** The drivers whose containers are on a wire of the host themselves, next to it and not behind it. */
export type LanDriver = 'macvlan' | 'ipvlan';

const OPTION = { parent: 'parent', macvlanMode: 'macvlan_mode', ipvlanMode: 'ipvlan_mode', ipvlanFlag: 'ipvlan_flag' };

const MACVLAN_MODES: readonly string[] = ['bridge', 'private', 'passthru', 'vepa'];
const IPVLAN_MODES: readonly string[] = ['l2', 'l3', 'l3s'];
const IPVLAN_FLAGS: readonly string[] = ['bridge', 'private', 'vepa'];

type WithOptions = Pick<Network, 'options'>;

export function isLanDriver(driver: string): driver is LanDriver {
  return driver === 'macvlan' || driver === 'ipvlan';
}

/** Throws in dockerd's words when an option of such a network can't be understood. */
export function checkLanOptions(driver: LanDriver, options: Record<string, string>): void {
  const { macvlanMode, ipvlanMode, ipvlanFlag } = OPTION;
  const isBad = (key: string, known: readonly string[]): boolean =>
    Boolean(options[key]) && !known.includes(options[key] ?? '');
  if (driver === 'macvlan' && isBad(macvlanMode, MACVLAN_MODES)) {
    throw internal(
      `requested macvlan mode '${options[macvlanMode]}' is not valid, 'bridge' mode is the macvlan driver default`,
    );
  }
  if (driver !== 'ipvlan') return;
  if (isBad(ipvlanMode, IPVLAN_MODES)) {
    throw internal(
      `requested ipvlan mode '${options[ipvlanMode]}' is not valid, 'l2' mode is the ipvlan driver default`,
    );
  }
  if (isBad(ipvlanFlag, IPVLAN_FLAGS)) {
    throw internal(
      `requested ipvlan flag '${options[ipvlanFlag]}' is not valid, 'bridge' is the ipvlan driver default`,
    );
  }
}

/** The host's interface that was asked for; '' : none, so that the network is one of its containers only. */
export function parentOption({ options }: WithOptions): string {
  return options[OPTION.parent] ?? '';
}

export function macvlanMode({ options }: WithOptions): MacvlanMode {
  return (options[OPTION.macvlanMode] || 'bridge') as MacvlanMode;
}

export function ipvlanMode({ options }: WithOptions): IpvlanMode {
  return (options[OPTION.ipvlanMode] || 'l2') as IpvlanMode;
}

export function ipvlanFlag({ options }: WithOptions): IpvlanFlag {
  return (options[OPTION.ipvlanFlag] || 'bridge') as IpvlanFlag;
}

/** In ipvlan's layer 3 modes there are no neighbours to ask: everything is sent to the device. */
export function isRouted({ driver, options }: Pick<Network, 'driver' | 'options'>): boolean {
  return driver === 'ipvlan' && ipvlanMode({ options }) !== 'l2';
}
