import { type ApiVersion, apiVersion, compareVersions, MAX_API_VERSION } from '../http/api-version.js';

/** Clients that take the newest version on offer, whatever it is, and then break on shapes that they don't know. */
const NEWEST_FOR: readonly { readonly agent: RegExp; readonly newest: ApiVersion }[] = [
  // Reads ContainerConfig of images (sent until 1.44) and the id of events (until 1.51) without a look whether they are there.
  { agent: /^docker-compose\/1\./, newest: apiVersion('1.44') },
];

/** The newest version to tell a client of, by its User-Agent; what it then asks for is served as asked. */
export function announcedVersion(userAgent: string | undefined): ApiVersion {
  const limit = NEWEST_FOR.find(({ agent }) => agent.test(userAgent ?? ''))?.newest;
  return limit && compareVersions(limit, MAX_API_VERSION) < 0 ? limit : MAX_API_VERSION;
}
