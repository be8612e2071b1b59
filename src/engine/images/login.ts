import { domainOfServerAddress } from '../../host/registry/endpoint.js';
import type { ImageContext } from './image-context.js';
import type { RegistryCredentials } from './image-service.js';

const LOGIN_TIMEOUT_MS = 60_000;
/** Checks credentials against a registry. Throws when it does not take them. */
export async function login(
  context: ImageContext,
  credentials: RegistryCredentials,
): Promise<{ status: string; identityToken: string }> {
  const domain = domainOfServerAddress(credentials.serverAddress);
  await context.registries.login(domain, credentials, AbortSignal.timeout(LOGIN_TIMEOUT_MS));
  return { status: 'Login Succeeded', identityToken: '' };
}
