import { closeSync } from 'node:fs';
import { systemError } from '../sys/libc.js';
import { inNetns } from '../sys/namespaces.js';
import { AF_NETLINK, bindAddress, openSocket, receive, sendTo, setSocketOption, SOCK_RAW } from '../sys/socket.js';
import {
  attributeText,
  decodeAttributes,
  decodeMessages,
  encodeMessage,
  type NetlinkMessage,
  type NetlinkRequest,
  NLM_F,
} from './message.js';

export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;
const NLM_F_DUMP_INTR = 0x10;
const NLMSGERR_ATTR_MSG = 1;
const RECEIVE_BYTES = 64 * 1024;
const DUMP_ATTEMPTS = 5;

/**
 * A synchronous conversation with the kernel: each call sends and waits for the answer on this thread, which for the families used
 * here comes within the system call itself. Errors are SystemErrors whose text ends with the kernel's own explanation, if any.
 */
export class NetlinkSocket implements Disposable {
  private sequence = 0;
  private readonly buffer = Buffer.allocUnsafe(RECEIVE_BYTES);
  private open = true;

  private constructor(private readonly fd: number) {}

  /** Opens a socket in this process's network namespace, or in the one given. Whoever opened it disposes of it. */
  static open(protocol: number, netnsPath?: string): NetlinkSocket {
    return netnsPath === undefined
      ? NetlinkSocket.here(protocol)
      : inNetns(netnsPath, () => NetlinkSocket.here(protocol));
  }

  private static here(protocol: number): NetlinkSocket {
    const fd = openSocket(AF_NETLINK, SOCK_RAW, protocol);
    try {
      for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
        setSocketOption(fd, SOL_NETLINK, option, 1);
      }
      const address = Buffer.alloc(12);
      address.writeUInt16LE(AF_NETLINK, 0);
      bindAddress(fd, address, 'netlink');
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    return new NetlinkSocket(fd);
  }

  /** Carries out one request, or several in order. Throws the first error; the kernel goes on with the others all the same. */
  request(...requests: NetlinkRequest[]): void {
    const first = this.sequence + 1;
    const data = requests.map(({ type, flags, payload }) =>
      encodeMessage(type, flags | NLM_F.REQUEST | NLM_F.ACK, ++this.sequence, payload),
    );
    sendTo(this.fd, Buffer.concat(data));
    const waiting = new Set(requests.map((_, index) => first + index));
    let failure: Error | undefined;
    while (waiting.size > 0) {
      for (const message of this.receive()) {
        if (message.type !== NLMSG_ERROR || !waiting.delete(message.sequence)) continue;
        failure ??= errorOf(message, requests[message.sequence - first]?.what ?? 'netlink');
      }
    }
    if (failure) throw failure;
  }

  /**
   * Sends messages with sequence numbers of their own choosing, as one batch, and returns the error of the first that
   * failed with its index, or null. Of each message the kernel must be asked for an ack. Source: nfnetlink batches.
   */
  transact(build: (nextSequence: () => number) => { data: Buffer; what: string[]; first: number }): Error | null {
    const { data, what, first } = build(() => ++this.sequence);
    sendTo(this.fd, data);
    const waiting = new Set(what.map((_, index) => first + index));
    let failure: Error | undefined;
    while (waiting.size > 0) {
      for (const message of this.receive()) {
        if (message.type !== NLMSG_ERROR) continue;
        const error = errorOf(message, what[message.sequence - first] ?? 'netfilter batch');
        // An error that belongs to no message of ours is about the batch as a whole, and nothing else follows.
        if (!waiting.delete(message.sequence) && error) return failure ?? error;
        failure ??= error;
      }
    }
    return failure ?? null;
  }

  /** Lists objects. A list that changed while it was read is read again. */
  dump({ type, payload, what }: Omit<NetlinkRequest, 'flags'>): NetlinkMessage[] {
    for (let attempt = 1; ; attempt++) {
      const sequence = ++this.sequence;
      sendTo(this.fd, encodeMessage(type, NLM_F.REQUEST | NLM_F.DUMP, sequence, payload));
      const { messages, interrupted } = this.collect(sequence, what);
      if (!interrupted || attempt === DUMP_ATTEMPTS) return messages;
    }
  }

  /** Asks for one object. Throws ENODEV or ENOENT when there is none. */
  get({ type, payload, what }: Omit<NetlinkRequest, 'flags'>): NetlinkMessage {
    const sequence = ++this.sequence;
    sendTo(this.fd, encodeMessage(type, NLM_F.REQUEST, sequence, payload));
    for (;;) {
      const message = this.receive().find((candidate) => candidate.sequence === sequence);
      if (!message) continue;
      if (message.type !== NLMSG_ERROR) return { ...message, payload: Buffer.from(message.payload) };
      const error = errorOf(message, what);
      if (error) throw error;
    }
  }

  [Symbol.dispose](): void {
    if (this.open) closeSync(this.fd);
    this.open = false;
  }

  private collect(sequence: number, what: string): { messages: NetlinkMessage[]; interrupted: boolean } {
    const messages: NetlinkMessage[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.receive()) {
        if (message.sequence !== sequence) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
        if (message.type === NLMSG_DONE) return { messages, interrupted };
        if (message.type === NLMSG_ERROR) {
          const error = errorOf(message, what);
          if (error) throw error;
          continue;
        }
        messages.push({ ...message, payload: Buffer.from(message.payload) });
      }
    }
  }

  private receive(): NetlinkMessage[] {
    return decodeMessages(this.buffer.subarray(0, receive(this.fd, this.buffer)));
  }
}

/** The error in an NLMSG_ERROR message; undefined when it is an ack. */
function errorOf(message: NetlinkMessage, what: string): Error | undefined {
  const errno = -message.payload.readInt32LE(0);
  if (errno === 0) return undefined;
  // After the code comes the header of the refused message, then all of it unless capped, then the explanation.
  const original = (message.flags & NLM_F_CAPPED) !== 0 ? 16 : message.payload.readUInt32LE(4);
  const explained = (message.flags & NLM_F_ACK_TLVS) !== 0;
  const detail = explained
    ? attributeText(decodeAttributes(message.payload.subarray(4 + ((original + 3) & ~3))).get(NLMSGERR_ATTR_MSG))
    : '';
  return systemError(errno, 'netlink', what, detail === '' ? undefined : detail);
}
