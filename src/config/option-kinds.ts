import type { OptionKind } from './option.js';
import { GoTypeError } from './option.js';

/** The name that Go's JSON decoder has for a value's type. */
export function jsonTypeName(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'string' || typeof value === 'number' ? typeof value : 'object';
}

export function jsonText(value: unknown): string {
  if (typeof value !== 'string') throw new GoTypeError(jsonTypeName(value), 'string');
  return value;
}

export function jsonInteger(value: unknown): number {
  if (typeof value !== 'number') throw new GoTypeError(jsonTypeName(value), 'int');
  if (!Number.isSafeInteger(value)) throw new GoTypeError(`number ${value}`, 'int');
  return value;
}

export function jsonArray(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new GoTypeError(jsonTypeName(value), '[]string');
  return value;
}

export function jsonObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new GoTypeError(jsonTypeName(value), 'map[string]string');
  }
  return value as Record<string, unknown>;
}

export function parseGoInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing "${text}": invalid syntax`);
  return Number(text);
}

export function parseGoBoolean(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw new Error(`strconv.ParseBool: parsing "${text}": invalid syntax`);
}

const last = (values: string[]): string => values.at(-1) ?? '';

export const booleanKind: OptionKind<boolean> = {
  typeName: '',
  fromFlag: (values) => parseGoBoolean(last(values)),
  fromJson: (value) => {
    if (typeof value !== 'boolean') throw new GoTypeError(jsonTypeName(value), 'bool');
    return value;
  },
  show: String,
};

/** One text. `check` throws for a bad one; the file's values pass it too. */
export function textKind(typeName = 'string', check: (text: string) => void = () => undefined): OptionKind<string> {
  const checked = (text: string): string => {
    if (text !== '') check(text);
    return text;
  };
  return {
    typeName,
    fromFlag: (values) => checked(last(values)),
    fromJson: (value) => checked(jsonText(value)),
    show: (value) => value,
  };
}

export const integerKind: OptionKind<number> = {
  typeName: 'int',
  fromFlag: (values) => parseGoInteger(last(values)),
  fromJson: jsonInteger,
  show: String,
};

/** Texts, kept in order. `convert` checks one and may write it in its full form. */
export function listKind(typeName = 'list', convert: (text: string) => string = (text) => text): OptionKind<string[]> {
  return {
    typeName,
    fromFlag: (values) => values.map(convert),
    fromJson: (value) => jsonArray(value).map((entry) => convert(jsonText(entry))),
    show: (value) => `[${value.join(' ')}]`,
  };
}

function splitPair(text: string): [string, string] {
  const equals = text.indexOf('=');
  return equals < 0 ? [text, ''] : [text.slice(0, equals), text.slice(equals + 1)];
}

const showMap = (value: Record<string, unknown>): string =>
  `map[${Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, one]) => `${key}:${String(one)}`)
    .join(' ')}]`;

export const textMapKind: OptionKind<Record<string, string>> = {
  typeName: 'map',
  fromFlag: (values) => Object.fromEntries(values.map(splitPair)),
  fromJson: (value) => Object.fromEntries(Object.entries(jsonObject(value)).map(([key, one]) => [key, jsonText(one)])),
  show: showMap,
};

/** `--feature x` and `--feature x=false`. */
export const featuresKind: OptionKind<Record<string, boolean>> = {
  typeName: 'map',
  fromFlag: (values) =>
    Object.fromEntries(
      values.map((text) => [splitPair(text)[0], text.includes('=') ? parseGoBoolean(splitPair(text)[1]) : true]),
    ),
  fromJson: (value) =>
    Object.fromEntries(Object.entries(jsonObject(value)).map(([key, one]) => [key, booleanKind.fromJson(one)])),
  show: showMap,
  merge: (fromFlag, fromFile) => ({ ...fromFile, ...fromFlag }),
};

/** `--default-network-opt bridge=com.docker.network.driver.mtu=1400`. */
export const networkOptionsKind: OptionKind<Record<string, Record<string, string>>> = {
  typeName: 'mapmap',
  fromFlag: (values) => {
    const drivers: Record<string, Record<string, string>> = {};
    for (const text of values) {
      const [driver, rest] = splitPair(text);
      const [key, value] = splitPair(rest);
      if (driver === '' || key === '' || !rest.includes('=')) {
        throw new Error(`invalid value ${JSON.stringify(text)} for map option, should be root-key=key=value`);
      }
      (drivers[driver] ??= {})[key] = value;
    }
    return drivers;
  },
  fromJson: (value) =>
    Object.fromEntries(Object.entries(jsonObject(value)).map(([key, one]) => [key, textMapKind.fromJson(one)])),
  show: (value) =>
    `map[${Object.entries(value)
      .map(([key, one]) => `${key}:${showMap(one)}`)
      .join(' ')}]`,
};

/** What we keep as it is: settings of things that wharfd does in its own way. */
export const anyObjectKind: OptionKind<Record<string, unknown>> = {
  typeName: 'json',
  fromFlag: (values) => jsonObject(JSON.parse(last(values))),
  fromJson: jsonObject,
  show: (value) => JSON.stringify(value),
};
