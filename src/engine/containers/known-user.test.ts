import { expect, it } from 'vitest';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import type { Container } from './container.js';
import type { ContainersContext } from './containers-context.js';
import { KnownUser } from './known-user.js';

it('asks the files of an image once for the same user', () => {
  const asked: string[] = [];
  const resolveUser = (root: string, user: string, groups: string[]): object => {
    asked.push([root, user, ...groups].join());
    if (user === 'nobody-knows') throw new Error('no matching entries');
    return { uid: asked.length };
  };
  const ctx = { deps: { oci: { resolveUser } } } as unknown as ContainersContext;
  const container = containerFromInspect(recording('inspect-created-v1.51.json'));
  const as = (user: string, groupAdd: string[], lower: string): Container => ({
    ...container,
    config: { ...container.config, user },
    hostConfig: { ...container.hostConfig, groupAdd },
    graphDriver: { ...container.graphDriver, data: { LowerDir: lower } },
  });
  const known = new KnownUser();
  const uids = [as('a', [], 'x'), as('a', [], 'x'), as('b', [], 'x'), as('b', ['c'], 'x'), as('b', ['c'], 'y')].map(
    (one, index) => known.of(ctx, one, `/${index}`).uid,
  );
  expect(uids).toEqual([1, 1, 2, 3, 4]);
  expect(asked).toEqual(['/0,a', '/2,b', '/3,b,c', '/4,b,c']);
  for (const root of ['/5', '/6']) {
    expect(() => known.of(ctx, as('nobody-knows', [], 'y'), root)).toThrow('no matching entries');
  }
  expect(known.of(ctx, as('b', ['c'], 'y'), '/7').uid).toBe(4);
});
