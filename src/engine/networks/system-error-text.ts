const TEXTS: Record<string, string> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'cannot assign requested address',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EBUSY: 'device or resource busy',
  EEXIST: 'file exists',
  EINVAL: 'invalid argument',
  ENETDOWN: 'network is down',
  ENODEV: 'no such device',
  ENOTSUP: 'operation not supported',
};

/** A system error as Go words it, because that is how dockerd's messages end. */
export function systemErrorText(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code !== undefined && code in TEXTS) return TEXTS[code] ?? code;
  return error instanceof Error ? error.message : String(error);
}
