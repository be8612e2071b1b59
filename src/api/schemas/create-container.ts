import type { Static } from 'typebox';
import { Type } from './type.js';
import type { CreateContainerRequest } from '../../engine/containers/container-config.js';
import { invalid } from '../../shared/errors.js';
import type { ApiVersion } from '../http/api-version.js';
import { CONTAINER_CONFIG_PROPERTIES, toContainerConfig } from './container-config.js';
import { NetworkingConfigSchema, toEndpointConfig } from './endpoint-settings.js';
import { HostConfigSchema, toHostConfig } from './host-config.js';

/** The body of `POST /containers/create`. */
export const CreateContainerSchema = Type.Object({
  ...CONTAINER_CONFIG_PROPERTIES,
  HostConfig: Type.Optional(HostConfigSchema),
  NetworkingConfig: Type.Optional(NetworkingConfigSchema),
});

export type WireCreateContainer = Static<typeof CreateContainerSchema>;

/**
 * The engine's request out of a body that `compat/create-container.ts` has brought up to date. Throws invalid when the
 * body has no field of a container's configuration at all, and on values that are no port, restart policy and so on.
 */
export function toCreateContainerRequest(
  body: WireCreateContainer,
  query: { name: string; platform: string },
  apiVersion: ApiVersion,
): CreateContainerRequest {
  if (!Object.keys(CONTAINER_CONFIG_PROPERTIES).some((name) => name in body)) {
    throw invalid('config cannot be empty in order to create a container');
  }
  const endpoints = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  return {
    ...query,
    config: toContainerConfig(body),
    hostConfig: toHostConfig(body.HostConfig ?? {}),
    endpoints: Object.fromEntries(endpoints.map(([network, settings]) => [network, toEndpointConfig(settings)])),
    apiVersion,
  };
}
