import type { Static } from 'typebox';
import { Type } from './type.js';
import type { HealthConfig } from '../../engine/containers/container-config.js';
import { Int64, listOrNull, omitZero, TextList } from './wire.js';

/** Durations are nanoseconds. */
export const HealthConfigSchema = Type.Object({
  Test: TextList,
  Interval: Int64,
  Timeout: Int64,
  StartPeriod: Int64,
  StartInterval: Int64,
  Retries: Int64,
});

export type WireHealthConfig = Static<typeof HealthConfigSchema>;

export function toHealthConfig(wire: WireHealthConfig): HealthConfig {
  return {
    test: listOrNull(wire.Test),
    intervalNs: wire.Interval ?? 0,
    timeoutNs: wire.Timeout ?? 0,
    startPeriodNs: wire.StartPeriod ?? 0,
    startIntervalNs: wire.StartInterval ?? 0,
    retries: wire.Retries ?? 0,
  };
}

export function fromHealthConfig(config: HealthConfig) {
  return {
    Test: omitZero(config.test) ?? undefined,
    Interval: omitZero(config.intervalNs),
    Timeout: omitZero(config.timeoutNs),
    StartPeriod: omitZero(config.startPeriodNs),
    StartInterval: omitZero(config.startIntervalNs),
    Retries: omitZero(config.retries),
  };
}
