import { describe, expect, it, vi } from 'vitest';
import { AHEAD_MS, AheadPolicy } from './ahead-policy.js';

describe('whether to be ahead of a start', () => {
  it('begins with yes, for a few at a time', () => {
    const policy = new AheadPolicy();
    expect([0, 1, 2, 3, 4, 5].map((waiting) => policy.isWorthwhile('kept', waiting))).toEqual([
      ...[true, true, true, true],
      ...[false, false],
    ]);
  });

  it('ends with two in a row that nobody started, of that kind', () => {
    const policy = new AheadPolicy();
    policy.wasWasted('kept');
    expect(policy.isWorthwhile('kept', 0)).toBe(true);
    policy.wasWasted('kept');
    expect(policy.isWorthwhile('kept', 0)).toBe(false);
    expect(policy.isWorthwhile('auto-remove', 0)).toBe(true);
  });

  it('begins again with a start soon after its create, and with no other', () => {
    const policy = new AheadPolicy();
    policy.wasWasted('kept');
    policy.wasWasted('kept');
    policy.hasStarted('kept', AHEAD_MS + 1);
    policy.hasStarted('auto-remove', 0);
    expect(policy.isWorthwhile('kept', 0)).toBe(false);
    policy.hasStarted('kept', AHEAD_MS);
    expect(policy.isWorthwhile('kept', 0)).toBe(true);
    policy.wasWasted('kept');
    expect(policy.isWorthwhile('kept', 0)).toBe(true);
  });

  it('ends for a minute where it does not work', () => {
    const policy = new AheadPolicy();
    const clock = vi.spyOn(performance, 'now').mockReturnValue(1000);
    policy.hasFailed();
    policy.hasFailed();
    policy.wasUsed();
    policy.hasFailed();
    policy.hasFailed();
    expect(policy.isWorthwhile('kept', 0)).toBe(true);
    policy.hasFailed();
    policy.hasStarted('kept', 0);
    expect(policy.isWorthwhile('kept', 0)).toBe(false);
    clock.mockReturnValue(61_001);
    expect(policy.isWorthwhile('kept', 0)).toBe(true);
    policy.hasFailed();
    expect(policy.isWorthwhile('kept', 0)).toBe(false);
    clock.mockRestore();
  });

  it('lets containers be created until two in a row were of no use, and again after one that was or would have been', () => {
    const policy = new AheadPolicy();
    expect(policy.mayCreate()).toBe(true);
    policy.wasCreatable(false);
    policy.wasCreatable(true);
    policy.wasCreatable(false);
    expect(policy.mayCreate()).toBe(true);
    policy.wasCreatable(false);
    expect(policy.mayCreate()).toBe(false);
    // which says nothing about shims and runtimes
    expect(policy.isWorthwhile('kept', 0)).toBe(true);
    policy.wasUsed();
    policy.hasStarted('kept', 0);
    expect(policy.mayCreate()).toBe(false);
    policy.wasCreatable(true);
    expect(policy.mayCreate()).toBe(true);
  });
});
