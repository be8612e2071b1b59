import { hostname } from 'node:os';
import { compileRegexp } from '../../shared/go-regexp.js';
import type { Container } from './container.js';
import type { LogConfig } from './container-config.js';
import { renderTemplate } from '../../shared/go-template.js';
import type { TemplateValue } from '../../shared/go-template.js';

const SHORT_ID = 12;
const SELECTING = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];

/** Whether lines of the log may say something of the container. */
export function selectsAttrs({ config }: LogConfig): boolean {
  return SELECTING.some((option) => config[option] !== undefined);
}

/**
 * The labels and variables that the options `labels`, `labels-regex`, `env`, `env-regex` and `tag` pick. Throws TypeError with Go's
 * words for a bad pattern or template.
 */
export function logAttrs(container: Container): Record<string, string> {
  const { config } = container;
  const options = container.hostConfig.logConfig.config;
  const attrs: Record<string, string> = {};
  const env = Object.fromEntries(config.env.map(splitPair));
  const pick = (from: Record<string, string>, names: string | undefined, regex: string | undefined): void => {
    const wanted = (names ?? '').split(',').filter(Boolean);
    const pattern = regex ? compileRegexp(regex) : null;
    for (const [key, value] of Object.entries(from)) {
      if (wanted.includes(key) || pattern?.test(key)) attrs[key] = value;
    }
  };
  pick(config.labels, options['labels'], options['labels-regex']);
  pick(env, options['env'], options['env-regex']);
  const tag = options['tag'] ? renderTemplate('log-tag', options['tag'], '*logger.Info', tagFields(container)) : '';
  if (tag !== '') attrs['tag'] = tag;
  return attrs;
}

/** What dockerd offers to the templates of tags. Source: Docker documentation, "Customize log driver output". */
function tagFields(container: Container): Record<string, TemplateValue> {
  const { id, config, hostConfig } = container;
  const imageId = container.imageId;
  const [entrypoint = '', ...args] = [container.path, ...container.args];
  return {
    ID: id.slice(0, SHORT_ID),
    FullID: id,
    Name: container.name,
    ImageID: imageId.slice(0, SHORT_ID),
    ImageFullID: imageId,
    ImageName: container.imageRef,
    Command: [entrypoint, ...args].join(' '),
    Hostname: hostname(),
    DaemonName: 'docker',
    Config: hostConfig.logConfig.config,
    ContainerID: id,
    ContainerCreated: container.created.replace('T', ' ').replace('Z', ' +0000 UTC'),
    ContainerName: `/${container.name}`,
    ContainerEntrypoint: entrypoint,
    ContainerArgs: args,
    ContainerImageID: imageId,
    ContainerImageName: container.imageRef,
    ContainerEnv: config.env,
    ContainerLabels: config.labels,
    LogPath: container.logPath,
  };
}

function splitPair(entry: string): [string, string] {
  const [name = '', value = ''] = entry.split(/=(.*)/s);
  return [name, value];
}
