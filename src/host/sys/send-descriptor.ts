import { constants } from 'node:os';
import koffi from 'koffi';
import { lastErrno, libcFunction, systemError } from './libc.js';

const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
/** struct cmsghdr with one descriptor in it, padded. */
const CONTROL_BYTES = 24;
const CONTROL_LENGTH = 20;

koffi.struct('iovec', { iov_base: 'void *', iov_len: 'size_t' });
koffi.struct('msghdr', {
  msg_name: 'void *',
  msg_namelen: 'uint32',
  msg_iov: 'iovec *',
  msg_iovlen: 'size_t',
  msg_control: 'void *',
  msg_controllen: 'size_t',
  msg_flags: 'int',
});
const sendmsgCall = libcFunction<(fd: number, message: object, flags: number) => number>('sendmsg', 'intptr_t', [
  'int',
  'const msghdr *',
  'int',
]);

/**
 * Sends a short text over a unix socket, and with it a descriptor of this process, of which the receiver gets a copy. Does not
 * wait. Throws EAGAIN and whatever else sendmsg(2) says; then nothing was sent.
 */
export function sendDescriptor(socketFd: number, text: string, descriptor: number): void {
  const data = Buffer.from(text);
  const control = Buffer.alloc(CONTROL_BYTES);
  control.writeBigUInt64LE(BigInt(CONTROL_LENGTH), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  control.writeInt32LE(descriptor, 16);
  const message = {
    msg_name: null,
    msg_namelen: 0,
    msg_iov: [{ iov_base: data, iov_len: data.length }],
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: CONTROL_BYTES,
    msg_flags: 0,
  };
  for (;;) {
    const sent = Number(sendmsgCall(socketFd, message, MSG_DONTWAIT | MSG_NOSIGNAL));
    if (sent === data.length) return;
    const errno = sent < 0 ? lastErrno() : constants.errno.EMSGSIZE;
    if (errno !== constants.errno.EINTR) throw systemError(errno, 'sendmsg');
  }
}
