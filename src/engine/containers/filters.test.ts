import { describe, expect, it } from 'vitest';
import { notFound } from '../../shared/errors.js';
import type { Container } from './container.js';
import { containerFilter, compareTimes, type FilterContext } from './filters.js';
import { createdState, toExited, toRunning } from './state-machine.js';
import { containerConfig, hostConfig } from '../../../test/support/container-requests.js';

const at = '2026-01-01T00:00:00.5Z';
const container = (more: Partial<Container> = {}): Container =>
  ({
    id: 'abc123',
    name: 'web',
    created: at,
    imageId: 'sha256:1',
    config: containerConfig({ labels: { a: '1', b: '2' }, exposedPorts: ['80/tcp'] }),
    hostConfig: hostConfig(),
    state: toRunning(createdState(), 1, at),
    network: {
      sandboxId: '',
      sandboxKey: '',
      networks: {},
      ports: { '80/tcp': [{ hostIp: '0.0.0.0', hostPort: '8080' }] },
    },
    mounts: [],
    ...more,
  }) as unknown as Container;
const context: FilterContext = {
  find: (ref) => {
    throw notFound(`No such container: ${ref}`);
  },
  hasAncestor: (_, ref) => ref === 'busybox',
};
const matches = (filters: Record<string, string[]>, one = container()): boolean =>
  containerFilter(new Map(Object.entries(filters)), context)(one);

describe('containerFilter', () => {
  it.each([
    [{ name: ['^/web$'] }, true],
    [{ name: ['we'] }, true],
    [{ name: ['db', 'web'] }, true],
    [{ name: ['db'] }, false],
    [{ name: ['web'], label: ['a=1'] }, true],
    [{ name: ['web'], label: ['a=2'] }, false],
    [{ label: ['a', 'b=2'] }, true],
    [{ label: ['a', 'c'] }, false],
    [{ status: ['exited', 'running'] }, true],
    [{ status: ['exited'] }, false],
    [{ health: ['none'] }, true],
    [{ ancestor: ['busybox'] }, true],
    [{ ancestor: ['alpine'] }, false],
    [{ publish: ['8080'] }, true],
    [{ publish: ['80'] }, false],
    [{ publish: ['8070-8090/tcp'] }, true],
    [{ publish: ['8080/udp'] }, false],
    [{ publish: ['1'], expose: ['80'] }, true],
    [{ expose: ['80/tcp'] }, true],
    [{ expose: ['8080/tcp'] }, false],
    [{ 'is-task': ['false', '0'] }, true],
    [{ id: ['bc'] }, false],
    [{ id: ['^abc'] }, false],
    [{ 'is-task': ['false'] }, true],
    [{ 'is-task': ['true'] }, false],
    [{ id: ['abc'] }, true],
  ])('%o: %s', (filters, expected) => {
    expect(matches(filters)).toBe(expected);
  });

  it('gives no ports to a container that does not run', () => {
    const created = container({ state: createdState() });
    expect(matches({ expose: ['80'] }, created)).toBe(false);
  });

  it('finds exit codes of containers that have ended only', () => {
    const exit = { exitCode: 3, ooms: 0, finishedAt: at, error: '' };
    const exited = container({ state: toExited(toRunning(createdState(), 1, at), exit) });
    expect(matches({ exited: ['3'] }, exited)).toBe(true);
    expect(matches({ exited: ['0'] }, container())).toBe(false);
  });

  it.each([
    [{ foo: ['x'] }, "invalid filter 'foo'"],
    [
      { status: ['foo'] },
      "invalid filter 'status=foo': invalid value for state (foo): must be one of created, running, paused, restarting, removing, exited, dead",
    ],
    [{ exited: ['x'] }, `invalid filter 'exited=x': strconv.Atoi: parsing "x": invalid syntax`],
    [{ before: ['nosuch'] }, 'No such container: nosuch'],
    [{ 'is-task': ['x'] }, "invalid filter 'is-task=[x]'"],
    [{ 'is-task': ['true', 'false'] }, "invalid filter 'is-task=[true false]'"],
    [{ expose: [''] }, 'error while looking up for expose : Empty string specified for ports.'],
    [{ publish: ['9-8'] }, 'error while looking up for publish 9-8: Invalid range specified for the Port: 9-8'],
    [{ publish: ['80:80'] }, "filter for 'publish' should not contain ':': 80:80"],
    [{ publish: ['70000'] }, 'strconv.ParseUint: parsing "70000": value out of range'],
    [{ publish: ['x'] }, 'error while looking up for publish x: strconv.ParseUint: parsing "x": invalid syntax'],
  ])('refuses %o', (filters, text) => {
    expect(() => containerFilter(new Map(Object.entries(filters)), context)).toThrow(text);
  });
});

describe('compareTimes', () => {
  it('compares fractions of different lengths', () => {
    expect(compareTimes('2026-01-01T00:00:00Z', '2026-01-01T00:00:00.1Z')).toBeLessThan(0);
    expect(compareTimes('2026-01-01T00:00:00.25Z', '2026-01-01T00:00:00.3Z')).toBeLessThan(0);
    expect(compareTimes('2026-01-01T00:00:00.30Z', '2026-01-01T00:00:00.3Z')).toBe(0);
  });
});
