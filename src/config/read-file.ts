import { readFileSync } from 'node:fs';
import { errorMessage, hasCode } from '../shared/errors.js';
import { GoTypeError } from './option.js';
import { jsonObject, jsonTypeName } from './option-kinds.js';
import { OPTION_LIST } from './options.js';
import { ConfigError } from './parse-flags.js';
import type { GivenOptions } from './parse-flags.js';

/** Sections whose keys are options of their own. */
const SECTIONS: ReadonlySet<string> = new Set(OPTION_LIST.map(({ section }) => section).filter((name) => name !== ''));

/**
 * Reads daemon.json. null: there is none, which is an error only when it was asked for by name. Throws `ConfigError`
 * without the file's name in the message.
 */
export function readConfigFile(path: string, mustExist: boolean): GivenOptions | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR') && !mustExist) return null;
    throw new ConfigError(hasCode(error, 'ENOENT') ? `open ${path}: no such file or directory` : errorMessage(error));
  }
  return parseConfigFile(text);
}

/** The options in a daemon.json. An empty file has none. */
export function parseConfigFile(text: string): GivenOptions {
  const flat = flatten(parseObject(text.replace(/^\uFEFF/, '')));
  const options = new Map(OPTION_LIST.filter(({ flagOnly }) => !flagOnly).map((one) => [one.key as string, one]));
  const unknown = [...flat.keys()].filter((key) => !options.has(key));
  if (unknown.length > 0) {
    throw new ConfigError(`the following directives don't match any configuration option: ${unknown.join(', ')}`);
  }
  const given: GivenOptions = new Map();
  for (const [key, value] of flat) {
    const one = options.get(key);
    if (!one || value === null) continue;
    try {
      given.set(one.key, one.kind.fromJson(value));
    } catch (error) {
      throw new ConfigError(typeMessage(key, error));
    }
  }
  return given;
}

function parseObject(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`invalid JSON: ${errorMessage(error)}`);
  }
  if (jsonTypeName(value) !== 'object' || value === null) {
    throw new ConfigError(
      `invalid JSON: json: cannot unmarshal ${jsonTypeName(value)} into Go value of type map[string]interface {}`,
    );
  }
  return value as Record<string, unknown>;
}

function flatten(object: Record<string, unknown>): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [key, value] of Object.entries(object)) {
    if (!SECTIONS.has(key)) flat.set(key, value);
    else for (const [inner, one] of Object.entries(jsonObject(value ?? {}))) flat.set(inner, one);
  }
  return flat;
}

function typeMessage(key: string, error: unknown): string {
  if (!(error instanceof GoTypeError)) return `${key}: ${errorMessage(error)}`;
  return `invalid JSON: json: cannot unmarshal ${error.found} into Go struct field Config.${key} of type ${error.expected}`;
}
