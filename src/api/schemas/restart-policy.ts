import type { Static } from 'typebox';
import { Type } from './type.js';
import type { RestartPolicy, RestartPolicyName } from '../../engine/containers/container-config.js';
import { invalid } from '../../shared/errors.js';
import { Int64, Text } from './wire.js';

const NAMES: readonly string[] = ['', 'no', 'always', 'unless-stopped', 'on-failure'];

export const RestartPolicySchema = Type.Object({ Name: Text, MaximumRetryCount: Int64 });

/** Throws invalid, in dockerd's words, on an unknown name. */
export function toRestartPolicy(wire: Static<typeof RestartPolicySchema> | undefined): RestartPolicy {
  const name = wire?.Name ?? '';
  if (!NAMES.includes(name)) {
    throw invalid(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  return { name: name as RestartPolicyName, maximumRetryCount: wire?.MaximumRetryCount ?? 0 };
}

export function fromRestartPolicy(policy: RestartPolicy) {
  return { Name: policy.name || 'no', MaximumRetryCount: policy.maximumRetryCount };
}
