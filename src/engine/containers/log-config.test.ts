import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Container } from './container.js';
import { shimLog, validateLogConfig } from './log-config.js';

const AT_START = 'failed to create task for container: failed to initialize logging driver: ';

/** Every message was seen from dockerd 28.5. */
describe('what is refused at create', () => {
  const cases: [string, Record<string, string>, string][] = [
    ['nope', {}, 'error looking up logging plugin nope: plugin "nope" not found'],
    ['json-file', { foo: 'bar' }, "unknown log opt 'foo' for json-file log driver"],
    ['local', { labels: 'bar' }, "unknown log opt 'labels' for log driver local"],
    ['nope', { mode: 'foo' }, 'logger: logging mode not supported: foo'],
    [
      'json-file',
      { 'max-buffer-size': '1m' },
      "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
    ],
    [
      'json-file',
      { mode: 'non-blocking', 'max-buffer-size': '1x' },
      "error parsing option max-buffer-size: invalid suffix: 'x'",
    ],
    [
      'json-file',
      { mode: 'non-blocking', 'max-buffer-size': '' },
      "error parsing option max-buffer-size: invalid size: ''",
    ],
    ['local', { 'cache-disabled': 'x' }, 'invalid value for option cache-disabled: x'],
  ];
  for (const [type, config, message] of cases) {
    it(message, () => expect(() => validateLogConfig({ type, config })).toThrow(message));
  }

  it('nothing of none, and no values that are looked at later', () => {
    validateLogConfig({ type: 'none', config: { foo: 'bar' } });
    validateLogConfig({ type: 'json-file', config: { 'max-size': 'foo', 'cache-max-size': 'x', 'labels-regex': '[' } });
  });
});

const container = (type: string, config: Record<string, string>): Container =>
  ({
    id: 'f'.repeat(64),
    name: 'n',
    created: '2026-01-01T00:00:00Z',
    imageId: '',
    imageRef: 'busybox',
    path: 'true',
    args: [],
    logPath: '',
    config: { labels: { a: '1', b: '2' }, env: ['FOO=1', 'BAR=2'] },
    hostConfig: { logConfig: { type, config } },
  }) as unknown as Container;

function options(type: string, config: Record<string, string>): ReturnType<typeof shimLog> {
  const dir = mkdtempSync(join(tmpdir(), 'log-config-'));
  try {
    return shimLog(container(type, config), join(dir, 'logs', 'log'));
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Every message was seen from dockerd 28.5. */
describe('what is refused at start', () => {
  const cases: [string, Record<string, string>, string][] = [
    ['json-file', { 'max-size': 'foo' }, "invalid size: 'foo'"],
    ['json-file', { 'max-size': '0' }, 'max-size must be a positive number'],
    ['json-file', { 'max-size': '-1' }, "invalid size: '-1'"],
    ['json-file', { 'max-file': 'foo' }, 'strconv.Atoi: parsing "foo": invalid syntax'],
    ['json-file', { 'max-file': '0' }, 'max-file cannot be less than 1'],
    [
      'json-file',
      { 'max-file': '99999999999999999999' },
      'strconv.Atoi: parsing "99999999999999999999": value out of range',
    ],
    ['json-file', { compress: 'foo' }, 'strconv.ParseBool: parsing "foo": invalid syntax'],
    [
      'json-file',
      { compress: 'true', 'max-file': '3' },
      'compress cannot be true when max-file is less than 2 or max-size is not set',
    ],
    ['json-file', { 'labels-regex': '[' }, 'error parsing regexp: missing closing ]: `[`'],
    ['json-file', { 'env-regex': '(?!x)' }, 'error parsing regexp: invalid or unsupported Perl syntax: `(?!`'],
    ['json-file', { tag: '{{.ID' }, 'template: log-tag:1: unclosed action'],
    ['local', { 'max-size': 'foo' }, "invalid value for max-size: foo: invalid size: 'foo'"],
    ['local', { 'max-file': 'foo' }, 'invalid value for max-file: foo: strconv.Atoi: parsing "foo": invalid syntax'],
    ['local', { 'max-file': '-1' }, 'max file count cannot be less than 0'],
    ['local', { 'max-file': '1' }, 'compression cannot be enabled when max file count is 1'],
    [
      'local',
      { compress: 'foo' },
      'error reading compress log option: strconv.ParseBool: parsing "foo": invalid syntax',
    ],
  ];
  for (const [type, config, message] of cases) {
    it(`${type}: ${message}`, () => expect(() => options(type, config)).toThrow(`${AT_START}${message}`));
  }
});

describe('what the shim is told', () => {
  it('counts sizes in thousands, as dockerd does', () => {
    expect(options('json-file', { 'max-size': '10k', 'max-file': '3' })).toMatchObject({
      format: 'json-file',
      maxSizeBytes: 10_000,
      maxFiles: 3,
      compress: false,
      queueBytes: null,
    });
  });

  it('has the defaults of local', () => {
    expect(options('local', {})).toMatchObject({
      format: 'local',
      maxSizeBytes: 20 * 1024 * 1024,
      maxFiles: 5,
      compress: true,
    });
    expect(options('local', { 'max-size': '0', 'max-file': '0', compress: 'f' })).toMatchObject({
      maxSizeBytes: null,
      maxFiles: 1,
    });
  });

  it('waits for nobody in non-blocking mode', () => {
    expect(options('json-file', { mode: 'non-blocking' })?.queueBytes).toBe(1_000_000);
    expect(options('json-file', { mode: 'non-blocking', 'max-buffer-size': '4m' })?.queueBytes).toBe(4 << 20);
  });

  it('has the attributes that were asked for, and no log for none', () => {
    const config = { labels: 'a,c', 'env-regex': '^F', tag: '{{.Name}}/{{.ID}}' };
    expect(options('json-file', config)?.attrs).toEqual({ a: '1', FOO: '1', tag: 'n/ffffffffffff' });
    expect(options('none', { 'max-size': 'foo' })).toBeNull();
  });
});
