import { closeSync } from 'node:fs';
import { systemError } from '../sys/libc.js';
import { inNetns } from '../sys/namespaces.js';
import {
  AF_NETLINK,
  bindAddress,
  openSocket,
  receive,
  sendTo,
  sendToAside,
  setReceiveTimeout,
  setSocketOption,
  SOCK_RAW,
} from '../sys/socket.js';
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
/** Answers come at once; an answer that was lost must not hang the daemon. */
const ANSWER_TIMEOUT_MS = 5000;

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
      setReceiveTimeout(fd, ANSWER_TIMEOUT_MS);
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
   * As `request` of one, on a thread, for what the kernel takes long over. The socket must not be used for anything else meanwhile,
   * nor disposed of.
   */
  async requestAside({ type, flags, payload, what }: NetlinkRequest): Promise<void> {
    const sequence = ++this.sequence;
    await sendToAside(this.fd, encodeMessage(type, flags | NLM_F.REQUEST | NLM_F.ACK, sequence, payload));
    // The kernel has answered by now.
    for (;;) {
      const answer = this.receive().find((message) => message.type === NLMSG_ERROR && message.sequence === sequence);
      if (!answer) continue;
      const error = errorOf(answer, what);
      if (error) throw error;
      return;
    }
  }

  /**
   * Sends one batch of messages with sequence numbers of its own choosing and returns the kernel's first error, or null. The
   * batch asks for the ack of its message `acknowledged` only: the acks of a long batch would not fit in the socket's buffer.
   */
  transact(build: (nextSequence: () => number) => { data: Buffer; acknowledged: number; what: string }): Error | null {
    const { data, acknowledged, what } = build(() => ++this.sequence);
    this.drain();
    sendTo(this.fd, data);
    // The kernel has answered by now, whatever it says; waiting for an ack that it never sent would hang the daemon.
    const answers = this.drain().filter(({ type }) => type === NLMSG_ERROR);
    const failure = answers.map((answer) => errorOf(answer, what)).find((error) => error !== undefined);
    if (failure) return failure;
    return answers.some(({ sequence }) => sequence === acknowledged) ? null : new Error(`no answer to ${what}`);
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
    return decodeMessages(this.buffer.subarray(0, receive(this.fd, this.buffer, true)));
  }

  /** What has arrived, without waiting. */
  private drain(): NetlinkMessage[] {
    const messages: NetlinkMessage[] = [];
    for (;;) {
      const length = receive(this.fd, this.buffer, false);
      if (length === null) return messages;
      messages.push(...decodeMessages(Buffer.from(this.buffer.subarray(0, length))));
    }
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
