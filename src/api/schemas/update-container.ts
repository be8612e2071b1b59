import type { Static } from 'typebox';
import { Type } from './type.js';
import type { Resources } from '../../engine/containers/container-config.js';
import type { UpdateContainerRequest } from '../../engine/containers/container-service.js';
import { RESOURCES_PROPERTIES, toGivenResources } from './resources.js';
import { RestartPolicySchema, toRestartPolicy } from './restart-policy.js';

/** The body of `POST /containers/{id}/update`. */
export const UpdateContainerSchema = Type.Object(
  { ...RESOURCES_PROPERTIES, RestartPolicy: Type.Optional(RestartPolicySchema) },
  { goType: 'UpdateConfig' },
);

/** Fields in which a zero, or an empty list, is a value of its own; everywhere else it means "leave it as it is". */
const ZERO_IS_A_VALUE: ReadonlySet<keyof Resources> = new Set<keyof Resources>([
  'pidsLimit',
  'memorySwappiness',
  'oomKillDisable',
  'blkioWeightDevice',
  'blkioDeviceReadBps',
  'blkioDeviceWriteBps',
  'blkioDeviceReadIops',
  'blkioDeviceWriteIops',
]);

/** The CLI sends every field, those that were not asked for as zeros. */
export function toUpdateContainerRequest(wire: Static<typeof UpdateContainerSchema>): UpdateContainerRequest {
  const resources = Object.fromEntries(
    Object.entries(toGivenResources(wire)).filter(
      ([name, value]) => ZERO_IS_A_VALUE.has(name as keyof Resources) || !isZero(value),
    ),
  ) as Partial<Resources>;
  return { resources, restartPolicy: wire.RestartPolicy?.Name ? toRestartPolicy(wire.RestartPolicy) : null };
}

function isZero(value: unknown): boolean {
  return value === 0 || value === '' || (Array.isArray(value) && value.length === 0);
}
