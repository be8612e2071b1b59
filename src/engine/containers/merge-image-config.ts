import type { ImageRunConfig } from '../images/image.js';
import type { ContainerConfig, HealthConfig } from './container-config.js';
import { resolveEntrypoint } from './resolve-entrypoint.js';

/** The container's configuration with everything filled in that it inherits from its image. Changes neither of them. */
export function mergeImageConfig(own: ContainerConfig, image: ImageRunConfig | null): ContainerConfig {
  if (!image) return own;
  const command = resolveEntrypoint(own, image);
  return {
    ...own,
    user: own.user || image.user,
    exposedPorts: [...new Set([...own.exposedPorts, ...image.exposedPorts.map(withProto)])],
    env: mergeEnv(own.env, image.env),
    cmd: command.cmd,
    entrypoint: command.entrypoint,
    labels: { ...image.labels, ...own.labels },
    volumes: [...new Set([...own.volumes, ...image.volumes])],
    workingDir: own.workingDir || image.workingDir,
    stopSignal: own.stopSignal || image.stopSignal,
    healthcheck: mergeHealth(own.healthcheck, image.healthcheck),
    shell: own.shell ?? image.shell,
    argsEscaped: own.argsEscaped || image.argsEscaped,
  };
}

function withProto(port: string): string {
  return port.includes('/') ? port : `${port}/tcp`;
}

/** The container's variables first, then those of the image that it does not set itself. */
export function mergeEnv(own: readonly string[], image: readonly string[]): string[] {
  const set = new Set(own.map(envName));
  return [...own, ...image.filter((entry) => !set.has(envName(entry)))];
}

function envName(entry: string): string {
  const equals = entry.indexOf('=');
  return equals < 0 ? entry : entry.slice(0, equals);
}

function mergeHealth(own: HealthConfig | null, image: HealthConfig | null): HealthConfig | null {
  if (!own || !image) return own ?? image;
  return {
    test: own.test?.length ? own.test : image.test,
    intervalNs: own.intervalNs || image.intervalNs,
    timeoutNs: own.timeoutNs || image.timeoutNs,
    startPeriodNs: own.startPeriodNs || image.startPeriodNs,
    startIntervalNs: own.startIntervalNs || image.startIntervalNs,
    retries: own.retries || image.retries,
  };
}
