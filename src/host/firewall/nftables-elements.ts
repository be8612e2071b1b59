import { NLM_F } from '../netlink/message.js';
import type { NetlinkSocket } from '../netlink/netlink-socket.js';
import type { EncodedElement } from './element-encoding.js';
import { dataValue, listElement, NFPROTO, NFT_MSG, type NftMessage, runBatch } from './nftables-batch.js';
import { TABLE } from './nftables-ruleset.js';

const NFTA_SET_ELEM_LIST_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;
const NFTA_SET_ELEM_LIST_ELEMENTS = 3;
const NFTA_SET_ELEM_KEY = 1;
const NFTA_SET_ELEM_DATA = 2;
const NFTA_SET_ELEM_KEY_END = 10;

/** What to do with one element. `what` is for an error's text. */
export interface ElementChange {
  action: 'add' | 'remove';
  element: EncodedElement;
  what: string;
}

/** Adds and removes elements in one transaction. Returns the error of the kernel when it refused the whole, or null. */
export function changeElements(socket: NetlinkSocket, changes: readonly ElementChange[]): Error | null {
  return runBatch(socket, changes.map(message), describe(changes));
}

function describe(changes: readonly ElementChange[]): string {
  const shown = changes.slice(0, 3).map(({ action, what }) => `${action} ${what}`);
  return changes.length > 3 ? `${shown.join(', ')} and ${changes.length - 3} more` : shown.join(', ');
}

function message({ action, element: { set, key, keyEnd, value } }: ElementChange): NftMessage {
  const add = action === 'add';
  return {
    type: add ? NFT_MSG.NEWSETELEM : NFT_MSG.DELSETELEM,
    flags: add ? NLM_F.CREATE : 0,
    family: NFPROTO.INET,
    attributes: (writer) =>
      writer
        .text(NFTA_SET_ELEM_LIST_TABLE, TABLE)
        .text(NFTA_SET_ELEM_LIST_SET, set)
        .nested(NFTA_SET_ELEM_LIST_ELEMENTS, (list) =>
          listElement(list, (one) => {
            dataValue(one, NFTA_SET_ELEM_KEY, key);
            if (keyEnd) dataValue(one, NFTA_SET_ELEM_KEY_END, keyEnd);
            if (add && value) dataValue(one, NFTA_SET_ELEM_DATA, value);
          }),
        ),
  };
}
