import { forbidden, notFound } from '../../shared/errors.js';
import type { CreateNetworkRequest, Network } from './model.js';
import type { NetworksContext } from './networks-context.js';

/** Throws what dockerd says when a configuration-only network asks for what only real ones have. */
export function checkConfigOnly({ configFrom, ingress, internal, attachable, scope }: CreateNetworkRequest): void {
  if (configFrom !== '') throw forbidden('a configuration network cannot depend on another configuration network');
  if (ingress || internal || attachable || scope !== '') {
    throw forbidden(
      'configuration network can only contain network specific fields. Network operator fields like [ ingress | internal | attachable | scope ] are not supported.',
    );
  }
}

/** The request with what the configuration that it names has to say. Throws when it says something itself that is in there. */
export function applyConfigFrom(ctx: NetworksContext, request: CreateNetworkRequest): CreateNetworkRequest {
  const { configFrom, ipam, labels, enableIpv6, options } = request;
  const config = [...ctx.networks.values()].find(({ name, id }) => name === configFrom || id === configFrom);
  if (!config?.configOnly) throw notFound(`configuration network "${configFrom}" does not exist`);
  const says = (ipam?.config.length ?? 0) > 0 || Object.keys(ipam?.options ?? {}).length > 0;
  if (says || Object.keys(labels).length > 0 || enableIpv6 === true) {
    throw forbidden(
      'user specified configurations are not supported if the network depends on a configuration network',
    );
  }
  if (Object.keys(options).length > 0) {
    throw forbidden('network driver options are not supported if the network depends on a configuration network');
  }
  return {
    ...request,
    configFrom: config.name,
    enableIpv4: config.enableIpv4,
    enableIpv6: config.enableIpv6,
    ipam: { driver: config.ipam.driver, options: config.ipam.options, config: config.ipam.config },
    options: config.options,
    labels: config.labels,
  };
}

/** Whether a network was made from this configuration. */
export function isConfigInUse(ctx: NetworksContext, { configOnly, name }: Network): boolean {
  return configOnly && [...ctx.networks.values()].some(({ configFrom }) => configFrom === name);
}
