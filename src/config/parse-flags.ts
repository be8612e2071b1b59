import { Parser } from 'yargs/helpers';
import { errorMessage } from '../shared/errors.js';
import type { Option } from './option.js';
import { OPTION_LIST } from './options.js';
import type { OptionKey } from './options.js';

/** Values that were given, by key; what is not in it was not given. */
export type GivenOptions = Map<OptionKey, unknown>;

/** A command line or configuration that can't be used; the message is for the user as it is. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const SEE_HELP = "\nSee 'wharfd --help'.";

/** Parses dockerd's flags. Throws `ConfigError` for an unknown flag, a wrong value or a positional argument. */
export function parseFlags(argv: readonly string[]): GivenOptions {
  const flags = OPTION_LIST.filter(({ flag }) => flag !== null) as (Option<unknown> & { flag: string })[];
  const { argv: parsed, error } = Parser.detailed(markBooleans(argv), {
    // Booleans are texts too, so that `--icc=maybe` is seen as it was written; `markBooleans` gives them their value.
    string: flags.map(({ flag }) => flag),
    alias: Object.fromEntries(flags.filter(({ short }) => short !== '').map(({ flag, short }) => [flag, short])),
    // Not a number of arguments: one, or an error.
    narg: Object.fromEntries(flags.filter(({ kind }) => kind.typeName !== '').map(({ flag }) => [flag, Number.NaN])),
    configuration: {
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'duplicate-arguments-array': true,
      'short-option-groups': true,
    },
  });
  const known = new Set(['_', ...flags.flatMap(({ flag, short }) => [flag, short])]);
  const unknown = Object.keys(parsed).find((name) => !known.has(name));
  const problem = error
    ? missingArgument(errorMessage(error))
    : unknown !== undefined
      ? unknownFlag(unknown)
      : parsed._.length > 0
        ? `"wharfd" accepts no arguments: ${parsed._[0]}`
        : null;
  if (problem !== null) throw new ConfigError(problem + SEE_HELP);
  return readValues(parsed);
}

/** `-D` and `--debug` as `--debug=true`: a boolean never takes the next word as its value, as with dockerd. */
function markBooleans(argv: readonly string[]): string[] {
  const booleans = OPTION_LIST.filter(({ kind, flag }) => kind.typeName === '' && flag !== null);
  const longs = new Set(booleans.map(({ flag }) => `--${flag}`));
  const shorts = new Map(booleans.filter(({ short }) => short !== '').map(({ short, flag }) => [short, flag]));
  return argv.flatMap((word) => {
    if (longs.has(word)) return [`${word}=true`];
    if (!/^-[a-zA-Z]/.test(word)) return [word];
    const marked: string[] = [];
    let rest = word.slice(1);
    for (let flag = shorts.get(rest[0] ?? ''); flag && rest[1] !== '='; flag = shorts.get(rest[0] ?? '')) {
      marked.push(`--${flag}=true`);
      rest = rest.slice(1);
    }
    if (rest === '') return marked;
    const value = rest.slice(1).replace(/^=/, '');
    const taken = OPTION_LIST.find(({ short }) => short === rest[0]);
    if (taken?.flag && value !== '') return [...marked, `--${taken.flag}=${value}`];
    return [...marked, `-${rest}`];
  });
}

function unknownFlag(name: string): string {
  return name.length === 1 ? `unknown shorthand flag: '${name}' in -${name}` : `unknown flag: --${name}`;
}

function missingArgument(message: string): string {
  const missing = /^Not enough arguments following: (.*)$/.exec(message)?.[1];
  if (missing === undefined) return message;
  return missing.length === 1
    ? `flag needs an argument: '${missing}' in -${missing}`
    : `flag needs an argument: --${missing}`;
}

function readValues(parsed: Record<string, unknown>): GivenOptions {
  const given: GivenOptions = new Map();
  for (const { key, flag, short, kind } of OPTION_LIST) {
    const value = flag === null ? undefined : parsed[flag];
    if (flag === null || value === undefined) continue;
    const texts = (Array.isArray(value) ? value : [value]).map(String);
    try {
      given.set(key, kind.fromFlag(texts));
    } catch (error) {
      const name = short === '' ? `--${flag}` : `-${short}, --${flag}`;
      const bad = texts.at(-1) ?? '';
      throw new ConfigError(`invalid argument "${bad}" for "${name}" flag: ${errorMessage(error)}${SEE_HELP}`);
    }
  }
  return given;
}
