import { isDigest } from '../../shared/digest.js';
import { errorMessage, invalid } from '../../shared/errors.js';
import type { HealthConfig } from '../containers/container-config.js';
import type { ImageHistoryEntry, ImageRunConfig, Platform } from './image.js';
import {
  isObject,
  numberField,
  objectField,
  objects,
  stringField,
  stringMap,
  strings,
  stringsOrNull,
  type JsonObject,
} from './json-fields.js';

/** What an image configuration blob says. Source: OCI image-spec config.md, and Docker's additions to it. */
export interface ImageConfig {
  created: string;
  author: string;
  comment: string;
  dockerVersion: string;
  platform: Platform;
  config: ImageRunConfig;
  diffIds: readonly string[];
  history: ImageHistoryEntry[];
}

export const EMPTY_RUN_CONFIG: Readonly<ImageRunConfig> = {
  user: '',
  exposedPorts: [],
  env: [],
  cmd: null,
  entrypoint: null,
  volumes: [],
  workingDir: '',
  labels: {},
  stopSignal: '',
  healthcheck: null,
  onBuild: null,
  shell: null,
  argsEscaped: false,
};

/** Parses a configuration blob. Throws invalid when it is not one. */
export function parseImageConfig(bytes: Buffer): ImageConfig {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (error) {
    throw invalid(`invalid image configuration: ${errorMessage(error)}`, error);
  }
  if (!isObject(json)) throw invalid('invalid image configuration: not an object');
  const rootfs = objectField(json, 'rootfs');
  if (!('rootfs' in json) || (stringField(rootfs, 'type') || 'layers') !== 'layers') {
    throw invalid('invalid image JSON, no RootFS key');
  }
  const diffIds = strings(rootfs['diff_ids']);
  const bad = diffIds.find((diffId) => !isDigest(diffId));
  if (bad !== undefined) throw invalid(`invalid image configuration: bad diff id ${JSON.stringify(bad)}`);
  return {
    created: stringField(json, 'created'),
    author: stringField(json, 'author'),
    comment: stringField(json, 'comment'),
    dockerVersion: stringField(json, 'docker_version'),
    platform: {
      os: stringField(json, 'os') || 'linux',
      architecture: stringField(json, 'architecture'),
      variant: stringField(json, 'variant'),
      osVersion: stringField(json, 'os.version'),
    },
    config: parseRunConfig(objectField(json, 'config')),
    diffIds,
    history: objects(json['history']).map((entry) => ({
      created: stringField(entry, 'created'),
      createdBy: stringField(entry, 'created_by'),
      author: stringField(entry, 'author'),
      comment: stringField(entry, 'comment'),
      emptyLayer: entry['empty_layer'] === true,
    })),
  };
}

function parseRunConfig(config: JsonObject): ImageRunConfig {
  return {
    user: stringField(config, 'User'),
    exposedPorts: Object.keys(objectField(config, 'ExposedPorts')),
    env: strings(config['Env']),
    cmd: stringsOrNull(config, 'Cmd'),
    entrypoint: stringsOrNull(config, 'Entrypoint'),
    volumes: Object.keys(objectField(config, 'Volumes')),
    workingDir: stringField(config, 'WorkingDir'),
    labels: stringMap(config, 'Labels'),
    stopSignal: stringField(config, 'StopSignal'),
    healthcheck: isObject(config['Healthcheck']) ? parseHealthcheck(config['Healthcheck']) : null,
    onBuild: stringsOrNull(config, 'OnBuild'),
    shell: stringsOrNull(config, 'Shell'),
    argsEscaped: config['ArgsEscaped'] === true,
  };
}

function parseHealthcheck(check: JsonObject): HealthConfig {
  return {
    test: stringsOrNull(check, 'Test'),
    intervalNs: numberField(check, 'Interval'),
    timeoutNs: numberField(check, 'Timeout'),
    startPeriodNs: numberField(check, 'StartPeriod'),
    startIntervalNs: numberField(check, 'StartInterval'),
    retries: numberField(check, 'Retries'),
  };
}

/** The bytes of a configuration blob, fields in the order of their names as dockerd writes them. */
export function formatImageConfig(image: ImageConfig): Buffer {
  const { platform } = image;
  return Buffer.from(
    JSON.stringify({
      architecture: platform.architecture,
      ...(image.author === '' ? {} : { author: image.author }),
      ...(image.comment === '' ? {} : { comment: image.comment }),
      config: formatRunConfig(image.config),
      created: image.created,
      ...(image.dockerVersion === '' ? {} : { docker_version: image.dockerVersion }),
      history: image.history.map((entry) => ({
        created: entry.created,
        ...(entry.createdBy === '' ? {} : { created_by: entry.createdBy }),
        ...(entry.author === '' ? {} : { author: entry.author }),
        ...(entry.comment === '' ? {} : { comment: entry.comment }),
        ...(entry.emptyLayer ? { empty_layer: true } : {}),
      })),
      os: platform.os,
      ...(platform.osVersion === '' ? {} : { 'os.version': platform.osVersion }),
      rootfs: { type: 'layers', diff_ids: image.diffIds },
      ...(platform.variant === '' ? {} : { variant: platform.variant }),
    }),
  );
}

function formatRunConfig(config: ImageRunConfig): object {
  const set = (names: readonly string[]): object => Object.fromEntries([...names].sort().map((name) => [name, {}]));
  return {
    ...(config.user === '' ? {} : { User: config.user }),
    ...(config.exposedPorts.length === 0 ? {} : { ExposedPorts: set(config.exposedPorts) }),
    ...(config.env.length === 0 ? {} : { Env: config.env }),
    ...(config.entrypoint === null ? {} : { Entrypoint: config.entrypoint }),
    ...(config.cmd === null ? {} : { Cmd: config.cmd }),
    ...(config.healthcheck === null ? {} : { Healthcheck: formatHealthcheck(config.healthcheck) }),
    ...(config.argsEscaped ? { ArgsEscaped: true } : {}),
    ...(config.volumes.length === 0 ? {} : { Volumes: set(config.volumes) }),
    ...(config.workingDir === '' ? {} : { WorkingDir: config.workingDir }),
    ...(config.onBuild === null ? {} : { OnBuild: config.onBuild }),
    ...(Object.keys(config.labels).length === 0 ? {} : { Labels: config.labels }),
    ...(config.stopSignal === '' ? {} : { StopSignal: config.stopSignal }),
    ...(config.shell === null ? {} : { Shell: config.shell }),
  };
}

function formatHealthcheck(check: HealthConfig): object {
  return {
    ...(check.test === null ? {} : { Test: check.test }),
    ...(check.intervalNs === 0 ? {} : { Interval: check.intervalNs }),
    ...(check.timeoutNs === 0 ? {} : { Timeout: check.timeoutNs }),
    ...(check.startPeriodNs === 0 ? {} : { StartPeriod: check.startPeriodNs }),
    ...(check.startIntervalNs === 0 ? {} : { StartInterval: check.startIntervalNs }),
    ...(check.retries === 0 ? {} : { Retries: check.retries }),
  };
}
