import { constants, type BigIntStats } from 'node:fs';

/** Bits of Go's fs.FileMode, which Docker's API shows in place of st_mode. Source: Go io/fs documentation. */
const GO_MODE = {
  directory: 0x80000000,
  symlink: 0x8000000,
  device: 0x4000000,
  namedPipe: 0x2000000,
  socket: 0x1000000,
  setuid: 0x800000,
  setgid: 0x400000,
  charDevice: 0x200000,
  sticky: 0x100000,
} as const;

/** st_mode as Go's fs.FileMode. */
export function goFileMode(stat: BigIntStats): number {
  const mode = Number(stat.mode);
  let result = mode & 0o777;
  if (stat.isDirectory()) result += GO_MODE.directory;
  else if (stat.isSymbolicLink()) result += GO_MODE.symlink;
  else if (stat.isBlockDevice()) result += GO_MODE.device;
  else if (stat.isCharacterDevice()) result += GO_MODE.device + GO_MODE.charDevice;
  else if (stat.isFIFO()) result += GO_MODE.namedPipe;
  else if ((mode & constants.S_IFMT) === constants.S_IFSOCK) result += GO_MODE.socket;
  if (mode & 0o4000) result += GO_MODE.setuid;
  if (mode & 0o2000) result += GO_MODE.setgid;
  if (mode & 0o1000) result += GO_MODE.sticky;
  return result;
}

/** Nanoseconds since 1970 as RFC 3339 in UTC without trailing zeros of the fraction, as Go writes times in JSON. */
export function rfc3339Nano(ns: bigint): string {
  const second = 1_000_000_000n;
  const fraction = ((ns % second) + second) % second;
  const text = new Date(Number((ns - fraction) / 1_000_000n)).toISOString().slice(0, 19);
  const digits = fraction.toString().padStart(9, '0').replace(/0+$/, '');
  return digits === '' ? `${text}Z` : `${text}.${digits}Z`;
}
