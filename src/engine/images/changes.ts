import { posix } from 'node:path';
import type { Draft } from '../../shared/draft.js';
import { invalid } from '../../shared/errors.js';
import { parseGoDurationNs } from '../../shared/go-duration.js';
import { parseSignal } from '../../shared/signals.js';
import type { HealthConfig } from '../containers/container-config.js';
import type { ImageRunConfig } from './image.js';
import { parseJsonArray, parsePairs, splitWords, unquote } from './words.js';

type Change = (config: ImageRunConfig, rest: string, instruction: string) => void;

const DEFAULT_SHELL = ['/bin/sh', '-c'];
const MIN_HEALTH_DURATION_NS = 1e6;

/**
 * Applies Dockerfile instructions to a configuration, as `docker import --change` and `docker commit --change` do, and
 * returns the result. Throws invalid for anything but CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD,
 * STOPSIGNAL, USER, VOLUME and WORKDIR, and for what these don't take.
 */
export function applyChanges(base: ImageRunConfig, changes: readonly string[]): ImageRunConfig {
  const config = structuredClone(base);
  for (const line of changes.flatMap((change) => change.split('\n'))) {
    const text = line.trim();
    if (text === '' || text.startsWith('#')) continue;
    const [word = ''] = text.split(/\s/, 1);
    const instruction = word.toUpperCase();
    const change = CHANGES[instruction];
    if (!change) throw invalid(`${instruction} is not a valid change command`);
    change(config, text.slice(word.length).trim(), instruction);
  }
  return config;
}

const CHANGES: Record<string, Change> = {
  CMD: (config, rest) => {
    config.cmd = commandOf(config, rest);
    config.argsEscaped = false;
  },
  ENTRYPOINT: (config, rest) => {
    config.entrypoint = rest === '' ? null : commandOf(config, rest);
  },
  ENV: (config, rest, instruction) => {
    for (const [name, value] of parsePairs(rest, instruction)) config.env = withVariable(config.env, name, value);
  },
  EXPOSE: (config, rest, instruction) => {
    const ports = splitWords(rest).map(unquote);
    if (ports.length === 0) throw invalid(`${instruction} requires at least one argument`);
    config.exposedPorts = [...new Set([...config.exposedPorts, ...ports.flatMap(parsePorts)])].sort();
  },
  HEALTHCHECK: (config, rest) => {
    config.healthcheck = parseHealthcheck(rest);
  },
  LABEL: (config, rest, instruction) => {
    for (const [name, value] of parsePairs(rest, instruction)) config.labels[name] = value;
  },
  ONBUILD: (config, rest) => {
    const [trigger = ''] = rest.split(/\s/, 1);
    const name = trigger.toUpperCase();
    if (name === '') throw invalid('ONBUILD requires at least one argument');
    if (name === 'ONBUILD') throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (name === 'FROM' || name === 'MAINTAINER') throw invalid(`${name} isn't allowed as an ONBUILD trigger`);
    config.onBuild = [...(config.onBuild ?? []), rest];
  },
  STOPSIGNAL: (config, rest, instruction) => {
    const signal = oneWord(rest, instruction);
    try {
      parseSignal(signal);
    } catch (error) {
      throw invalid(`invalid signal: ${signal}`, error);
    }
    config.stopSignal = signal;
  },
  USER: (config, rest, instruction) => {
    config.user = oneWord(rest, instruction);
  },
  VOLUME: (config, rest, instruction) => {
    const volumes = parseJsonArray(rest) ?? splitWords(rest).map(unquote);
    if (volumes.length === 0) throw invalid(`${instruction} requires at least one argument`);
    if (volumes.some((volume) => volume.trim() === '')) throw invalid('VOLUME specified can not be an empty string');
    config.volumes = [...new Set([...config.volumes, ...volumes])].sort();
  },
  WORKDIR: (config, rest, instruction) => {
    const path = unquote(rest);
    if (path === '') throw invalid(`${instruction} requires exactly one argument`);
    config.workingDir = posix.resolve('/', config.workingDir, path);
  },
};

function oneWord(rest: string, instruction: string): string {
  const words = splitWords(rest);
  if (words.length !== 1) throw invalid(`${instruction} requires exactly one argument`);
  return unquote(words[0] ?? '');
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
  if (!match || start < 1 || end > 65535 || end < start) throw invalid(`Invalid containerPort: ${containerPart}`);
  if (!['tcp', 'udp', 'sctp'].includes(proto.toLowerCase())) throw invalid(`Invalid proto: ${proto}`);
  return Array.from({ length: end - start + 1 }, (_, i) => `${start + i}/${proto.toLowerCase()}`);
}

function parseHealthcheck(text: string): HealthConfig {
  const check: Draft<HealthConfig> = {
    test: null,
    intervalNs: 0,
    timeoutNs: 0,
    startPeriodNs: 0,
    startIntervalNs: 0,
    retries: 0,
  };
  let rest = text;
  for (let flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest); flag; flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest)) {
    setHealthOption(check, flag[1] ?? '', flag[2] ?? '');
    rest = rest.slice(flag[0].length);
  }
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
    if (!Number.isInteger(retries) || retries < 0) throw invalid(`--retries cannot be negative (${value})`);
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
  else if (name === 'start-interval') check.startIntervalNs = ns;
  else throw invalid(`unknown flag: ${name}`);
}
