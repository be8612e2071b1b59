import type { Static } from 'typebox';
import { Type } from './type.js';
import type { RestartPolicy, RestartPolicyName } from '../../engine/containers/container-config.js';
import { Int64, Text } from './wire.js';

export const RestartPolicySchema = Type.Object({ Name: Text, MaximumRetryCount: Int64 });

/** The name is whatever the client says; the engine refuses unknown ones. */
export function toRestartPolicy(wire: Static<typeof RestartPolicySchema> | undefined): RestartPolicy {
  return { name: (wire?.Name ?? '') as RestartPolicyName, maximumRetryCount: wire?.MaximumRetryCount ?? 0 };
}

export function fromRestartPolicy(policy: RestartPolicy) {
  return { Name: policy.name || 'no', MaximumRetryCount: policy.maximumRetryCount };
}
