import { posix } from 'node:path';
import type { Draft } from '../../shared/draft.js';
import { invalid } from '../../shared/errors.js';
import { parseGoDurationNs } from '../../shared/go-duration.js';
import { parseSignal } from '../../shared/signals.js';
import type { HealthConfig } from '../containers/container-config.js';
import { dockerfileLines, flagValues, type DockerfileLine } from './dockerfile-lines.js';
import { expandWord } from './expand-word.js';
import type { ImageRunConfig } from './image.js';
import { parseJsonArray, parsePairs, splitWords } from './words.js';

type Change = (config: ImageRunConfig, line: DockerfileLine) => void;

const DEFAULT_SHELL = ['/bin/sh', '-c'];
const MIN_HEALTH_DURATION_NS = 1e6;
const HEALTH_FLAGS = ['interval', 'timeout', 'start-period', 'start-interval', 'retries'];

/**
 * Applies Dockerfile instructions to a configuration, as `docker import --change` and `docker commit --change` do, and
 * returns the result; variables in them are those of the configuration, as far as it has come. An ENTRYPOINT takes the command
 * away, unless the changes set one before it. Throws invalid for anything but CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL,
 * ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR, and for what these don't take.
 */
export function applyChanges(base: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  const config = structuredClone(base);
  if (changes.length === 0) return config;
  let isCommandSet = false;
  for (const line of dockerfileLines(changes.join('\n'))) {
    const { instruction, flags } = line;
    const change = CHANGES[instruction];
    if (!change) throw invalid(`${instruction} is not a valid change command`);
    if (instruction !== 'HEALTHCHECK') flagValues(flags, []);
    change(config, line);
    isCommandSet ||= instruction === 'CMD';
    if (instruction === 'ENTRYPOINT' && !isCommandSet) config.cmd = null;
  }
  return config;
}

const CHANGES: Record<string, Change> = {
  CMD: (config, { rest }) => {
    config.cmd = commandOf(config, rest);
    config.argsEscaped = false;
  },
  ENTRYPOINT: (config, { rest }) => {
    config.entrypoint = rest === '' ? null : commandOf(config, rest);
  },
  ENV: (config, { rest, instruction }) => {
    for (const [name, value] of parsePairs(rest, instruction, config.env)) {
      config.env = withVariable(config.env, name, value);
    }
  },
  EXPOSE: (config, { rest, instruction }) => {
    const words = splitWords(rest);
    if (words.length === 0) throw invalid(`${instruction} requires at least one argument`);
    const ports = words.flatMap((word) => splitWords(expandWord(word, config.env)));
    config.exposedPorts = [...new Set([...config.exposedPorts, ...ports.flatMap(parsePorts)])].sort();
  },
  HEALTHCHECK: (config, line) => {
    config.healthcheck = parseHealthcheck(line);
  },
  LABEL: (config, { rest, instruction }) => {
    for (const [name, value] of parsePairs(rest, instruction, config.env)) config.labels[name] = value;
  },
  ONBUILD: (config, { rest }) => {
    const [trigger = ''] = rest.split(/\s/, 1);
    const name = trigger.toUpperCase();
    if (name === '') throw invalid('ONBUILD requires at least one argument');
    if (name === 'ONBUILD') throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (name === 'FROM' || name === 'MAINTAINER') throw invalid(`${name} isn't allowed as an ONBUILD trigger`);
    config.onBuild = [...(config.onBuild ?? []), rest];
  },
  STOPSIGNAL: (config, line) => {
    const signal = onlyValue(config, line);
    parseSignal(signal);
    config.stopSignal = signal;
  },
  USER: (config, line) => {
    config.user = onlyValue(config, line);
  },
  VOLUME: (config, { rest, instruction }) => {
    const volumes = (parseJsonArray(rest) ?? splitWords(rest)).map((word) => expandWord(word, config.env));
    if (volumes.length === 0) throw invalid(`${instruction} requires at least one argument`);
    if (volumes.some((volume) => volume.trim() === '')) throw invalid('VOLUME specified can not be an empty string');
    config.volumes = [...new Set([...config.volumes, ...volumes])].sort();
  },
  WORKDIR: (config, line) => {
    const path = onlyValue(config, line);
    if (path === '') throw invalid('cannot normalize nothing');
    config.workingDir = posix.resolve('/', config.workingDir, path);
  },
};

/** All that follows an instruction is its value, blanks included. */
function onlyValue({ env }: ImageRunConfig, { rest, instruction }: DockerfileLine): string {
  if (rest === '') throw invalid(`${instruction} requires exactly one argument`);
  return expandWord(rest, env);
}

function commandOf(config: ImageRunConfig, rest: string): string[] {
  if (rest === '') return [];
  return parseJsonArray(rest) ?? [...(config.shell ?? DEFAULT_SHELL), rest];
}

function withVariable(env: readonly string[], name: string, value: string): string[] {
  const index = env.findIndex((entry) => entry.split('=', 1)[0] === name);
  return index === -1 ? [...env, `${name}=${value}`] : env.with(index, `${name}=${value}`);
}

/** `80`, `80/udp`, `8000-8010`; a published part (`8080:80`) does not belong into an image and is dropped. */
function parsePorts(text: string): string[] {
  const [range = '', proto = 'tcp'] = text.split('/');
  const containerPart = range.slice(range.lastIndexOf(':') + 1);
  const match = /^(\d+)(?:-(\d+))?$/.exec(containerPart);
  const start = Number(match?.[1]);
  const end = Number(match?.[2] ?? match?.[1]);
  if (!match || end > 65535 || end < start) throw invalid(`Invalid containerPort: ${containerPart}`);
  if (!['tcp', 'udp', 'sctp'].includes(proto.toLowerCase())) throw invalid(`Invalid proto: ${proto}`);
  return Array.from({ length: end - start + 1 }, (_, i) => `${start + i}/${proto.toLowerCase()}`);
}

function parseHealthcheck({ flags, rest }: DockerfileLine): HealthConfig {
  const check: Draft<HealthConfig> = {
    test: null,
    intervalNs: 0,
    timeoutNs: 0,
    startPeriodNs: 0,
    startIntervalNs: 0,
    retries: 0,
  };
  if (rest === '') throw invalid('HEALTHCHECK requires at least one argument');
  for (const [name, value] of flagValues(flags, HEALTH_FLAGS)) setHealthOption(check, name, value);
  const [type = ''] = rest.split(/\s/, 1);
  const command = rest.slice(type.length).trim();
  if (type.toUpperCase() === 'NONE') {
    if (command !== '') throw invalid('HEALTHCHECK NONE takes no arguments');
    return { ...check, test: ['NONE'] };
  }
  if (type.toUpperCase() !== 'CMD') {
    throw invalid(`Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`);
  }
  if (command === '') throw invalid('Missing command after HEALTHCHECK CMD');
  const exec = parseJsonArray(command);
  return { ...check, test: exec ? ['CMD', ...exec] : ['CMD-SHELL', command] };
}

function setHealthOption(check: Draft<HealthConfig>, name: string, value: string): void {
  if (name === 'retries') {
    const retries = Number(value);
    if (!/^[+-]?\d+$/.test(value)) throw invalid(`strconv.ParseInt: parsing ${JSON.stringify(value)}: invalid syntax`);
    if (retries < 0) throw invalid(`--retries cannot be negative (${value})`);
    check.retries = retries;
    return;
  }
  const ns = parseGoDurationNs(value);
  if (ns === null) throw invalid(`time: invalid duration ${JSON.stringify(value)}`);
  if (ns < 0) throw invalid(`Interval ${JSON.stringify(name)} cannot be negative`);
  if (ns !== 0 && ns < MIN_HEALTH_DURATION_NS)
    throw invalid(`Interval ${JSON.stringify(name)} cannot be less than 1ms`);
  if (name === 'interval') check.intervalNs = ns;
  else if (name === 'timeout') check.timeoutNs = ns;
  else if (name === 'start-period') check.startPeriodNs = ns;
  else check.startIntervalNs = ns;
}
