import { invalid } from '../../shared/errors.js';
import type { WireCreateContainer } from '../schemas/create-container.js';

const DEPRECATION =
  'The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.';

/**
 * Gives the container-wide MAC address of a client below 1.52 to the endpoint that it means: that of the network in
 * NetworkMode. `legacy` is a client below 1.44, which knows one endpoint only, so that one is it whatever its name.
 * `deprecated` clients get a warning, and an error when the address contradicts the endpoint's or fits no endpoint.
 * Nothing happens on host, none and another container's network. Source: replies of dockerd 28.5.
 */
export function migrateMacAddress(
  body: WireCreateContainer,
  client: 'legacy' | 'deprecated',
  warnings: string[] = [],
): void {
  const address = body.MacAddress;
  const network = body.HostConfig?.NetworkMode ?? 'bridge';
  if (!address) return;
  if (/^(host|none|container:.*)$/.test(network)) {
    if (client === 'legacy' && network !== 'none') {
      throw invalid('conflicting options: mac-address and the network mode');
    }
    delete body.MacAddress;
    if (client === 'deprecated') warnings.push(DEPRECATION);
    return;
  }
  const config = ((body.NetworkingConfig ??= {}).EndpointsConfig ??= {});
  const names = Object.keys(config);
  if (names.length === 0) config[network] = {};
  const endpoint = config[network] ?? (client === 'legacy' ? config[names[0] ?? ''] : undefined);
  if (!endpoint) {
    throw invalid(
      'unable to migrate container-wide MAC address to a specific network: HostConfig.NetworkMode must match the identity of a network in NetworkSettings.Networks',
    );
  }
  if (endpoint.MacAddress && endpoint.MacAddress !== address) {
    throw invalid(
      'the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty',
    );
  }
  endpoint.MacAddress = address;
  if (client === 'deprecated') warnings.push(DEPRECATION);
}
