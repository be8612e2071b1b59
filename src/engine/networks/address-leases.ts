import { parseAddress } from './cidr.js';
import { allocateAddress } from './ipam.js';
import type { IpamPool } from './model.js';

/** The addresses of one network that containers have or are being given. */
export class AddressLeases {
  private readonly taken = new Set<string>();
  /** By range that addresses were chosen from: below it all are taken. */
  private readonly floors = new Map<string, { version: 4 | 6; value: bigint }>();

  get addresses(): ReadonlySet<string> {
    return this.taken;
  }

  take(address: string): void {
    if (address !== '') this.taken.add(address);
  }

  giveBack(address: string): void {
    if (!this.taken.delete(address)) return;
    const parsed = parseAddress(address);
    for (const floor of this.floors.values()) {
      if (parsed?.version === floor.version && parsed.value < floor.value) floor.value = parsed.value;
    }
  }

  /**
   * The lowest free address of a pool, not taken yet; null when there is none left. However many are taken, it looks at few, because the
   * search goes on where it last ended.
   */
  lowestFree(pool: IpamPool): string | null {
    const range = pool.ipRange || pool.subnet;
    const address = allocateAddress(pool, this.taken, this.floors.get(range)?.value);
    const found = address === null ? null : parseAddress(address);
    if (found) this.floors.set(range, found);
    return address;
  }
}
