import { isIP } from 'node:net';
import type { AddressPool, OptionKind, Runtime, Ulimit } from './option.js';
import { jsonArray, jsonInteger, jsonObject, jsonText } from './option-kinds.js';

const SIZE_UNITS = 'bkmgtp';

/** `64m`, `1.5g`, `64MiB`, `1000`: bytes, with powers of 1024. */
export function parseSizeBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text.trim());
  if (!match) throw new Error(`invalid size: '${text}'`);
  const power = match[2] ? SIZE_UNITS.indexOf(match[2].toLowerCase()) : 0;
  return Math.floor(Number(match[1]) * 1024 ** power);
}

export const sizeKind: OptionKind<number> = {
  typeName: 'bytes',
  fromFlag: (values) => parseSizeBytes(values.at(-1) ?? ''),
  fromJson: (value) => (typeof value === 'number' ? jsonInteger(value) : parseSizeBytes(jsonText(value))),
  show: String,
};

/** `--add-runtime name=path`; in the file `{"name": {"path": …, "runtimeArgs": […]}}`. Both together are fine. */
export const runtimesKind: OptionKind<Record<string, Runtime>> = {
  typeName: 'runtime',
  fromFlag: (values) => {
    const runtimes: Record<string, Runtime> = {};
    for (const text of values) {
      const match = /^([^=]*)=(.*)$/s.exec(text);
      const name = match?.[1]?.trim().toLowerCase() ?? '';
      const path = match?.[2]?.trim() ?? '';
      if (name === '' || path === '') throw new Error(`invalid runtime argument: ${text}`);
      if (name === 'runc') throw new Error(`runtime name '${name}' is reserved`);
      if (runtimes[name]) throw new Error(`runtime '${name}' was already defined`);
      runtimes[name] = { path, runtimeArgs: [], runtimeType: '' };
    }
    return runtimes;
  },
  fromJson: (value) =>
    Object.fromEntries(Object.entries(jsonObject(value)).map(([name, one]) => [name, runtimeFromJson(name, one)])),
  show: (value) => `[${Object.keys(value).join(' ')}]`,
  merge: (fromFlag, fromFile) => ({ ...fromFile, ...fromFlag }),
};

function runtimeFromJson(name: string, value: unknown): Runtime {
  const { path, runtimeArgs, runtimeType } = jsonObject(value);
  const runtime = {
    path: path === undefined ? '' : jsonText(path),
    runtimeArgs: runtimeArgs === undefined || runtimeArgs === null ? [] : jsonArray(runtimeArgs).map(jsonText),
    runtimeType: runtimeType === undefined ? '' : jsonText(runtimeType),
  };
  if (name === 'runc') throw new Error("runtime name 'runc' is reserved");
  if (runtime.path === '' && runtime.runtimeType === '') {
    throw new Error(`runtime ${name}: either a runtimeType or a path must be configured`);
  }
  if (runtime.path !== '' && runtime.runtimeType !== '') {
    throw new Error(`runtime ${name}: cannot configure both path and runtimeType for the same runtime`);
  }
  return runtime;
}

/** What a process may have of it; the names are those of setrlimit(2). */
const ULIMITS: ReadonlySet<string> = new Set(
  'core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' '),
);

/** `--default-ulimit nofile=1024:2048`. */
export const ulimitsKind: OptionKind<Record<string, Ulimit>> = {
  typeName: 'ulimit',
  fromFlag: (values) =>
    Object.fromEntries(
      values.map((text): [string, Ulimit] => {
        const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
        if (!match?.[1]) throw new Error(`invalid ulimit argument: ${text}`);
        if (!ULIMITS.has(match[1])) throw new Error(`invalid ulimit type: ${match[1]}`);
        const soft = Number(match[2]);
        const hard = match[3] === undefined ? soft : Number(match[3]);
        if (hard !== -1 && (soft > hard || soft === -1)) {
          throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${soft} > ${hard}`);
        }
        return [match[1], { name: match[1], soft, hard }];
      }),
    ),
  fromJson: (value) =>
    Object.fromEntries(
      Object.entries(jsonObject(value)).map(([name, one]): [string, Ulimit] => {
        const { Soft: soft, Hard: hard } = jsonObject(one);
        return [name, { name, soft: jsonInteger(soft ?? 0), hard: jsonInteger(hard ?? 0) }];
      }),
    ),
  show: (value) =>
    `[${Object.values(value)
      .map(({ name, soft, hard }) => `${name}=${soft}:${hard}`)
      .join(' ')}]`,
};

/** `--default-address-pool base=10.0.0.0/8,size=24`. */
export const addressPoolsKind: OptionKind<AddressPool[]> = {
  typeName: 'pool-options',
  fromFlag: (values) =>
    values.map((text) => {
      const fields = new Map(text.split(',').map((part) => part.split('=', 2) as [string, string]));
      const unknown = [...fields.keys()].find((key) => key !== 'base' && key !== 'size');
      if (unknown !== undefined) throw new Error(`unexpected key '${unknown}' in '${text}'`);
      return checkPool({ base: fields.get('base') ?? '', size: Number(fields.get('size')) });
    }),
  fromJson: (value) =>
    jsonArray(value).map((one) => {
      const { base, size } = jsonObject(one);
      return checkPool({ base: jsonText(base), size: jsonInteger(size) });
    }),
  show: (value) => `[${value.map(({ base, size }) => `${base}/${size}`).join(' ')}]`,
};

function checkPool(pool: AddressPool): AddressPool {
  const prefix = prefixLength(pool.base);
  if (prefix === null) {
    const reason = pool.base.includes('/') ? 'unable to parse prefix' : "no '/'";
    throw new Error(`invalid base prefix "${pool.base}": netip.ParsePrefix("${pool.base}"): ${reason}`);
  }
  const bits = pool.base.includes(':') ? 128 : 32;
  if (!Number.isInteger(pool.size) || pool.size < prefix || pool.size > bits) {
    throw new Error(`invalid pools: size ${pool.size} of pool ${pool.base} must be between ${prefix} and ${bits}`);
  }
  return pool;
}

/** The length of a CIDR's prefix; null when the text is none. */
export function prefixLength(cidr: string): number | null {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(cidr);
  const family = match?.[1] ? isIP(match[1]) : 0;
  const length = Number(match?.[2]);
  return family === 0 || length > (family === 4 ? 32 : 128) ? null : length;
}
