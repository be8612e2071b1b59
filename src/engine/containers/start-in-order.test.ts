import { describe, expect, it } from 'vitest';
import { hostConfig } from '../../../test/support/container-requests.js';
import type { Container } from './container.js';
import { dependsOn } from './start-in-order.js';

const target = { id: 'a1b2c3d4e5f6'.padEnd(64, '0'), name: 'db' };

describe('dependsOn', () => {
  it.each([
    [{ links: ['db:alias'] }, true],
    [{ links: ['/db:/web/alias'] }, true],
    [{ links: ['db2:db'] }, false],
    [{ networkMode: 'container:db' }, true],
    [{ networkMode: `container:${target.id}` }, true],
    [{ ipcMode: 'container:a1b2c3d4e5f6' }, true],
    [{ pidMode: 'container:other' }, false],
    [{ networkMode: 'db' }, false],
  ])('%j: %s', (host, expected) => {
    expect(dependsOn({ hostConfig: hostConfig(host) } as Container, target)).toBe(expected);
  });
});
