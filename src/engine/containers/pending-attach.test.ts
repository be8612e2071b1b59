import { describe, expect, it } from 'vitest';
import type { ShimAttachment } from '../../host/shim/attachment.js';
import { silentLogger } from '../../shared/logger.js';
import { PendingAttach } from './pending-attach.js';
import type { RunningShim, ShimPort } from './shim-port.js';

const shim = (): RunningShim => ({}) as RunningShim;

/** A client, and what was opened and closed for it. */
function waiting(): { pending: PendingAttach; opened: ShimAttachment[]; closed: ShimAttachment[] } {
  const opened: ShimAttachment[] = [];
  const closed: ShimAttachment[] = [];
  const hold = async (): Promise<ShimAttachment> => {
    const attachment = { close: () => void closed.push(attachment) } as unknown as ShimAttachment;
    opened.push(attachment);
    return attachment;
  };
  const streams = { stdin: false, stdout: true, stderr: true, seam: false };
  const pending = new PendingAttach({ hold } as Partial<ShimPort> as ShimPort, streams, silentLogger);
  return { pending, opened, closed };
}

describe('a client that is connected before the start', () => {
  it('stays connected when the start has the same shim', async () => {
    const { pending, opened, closed } = waiting();
    const one = shim();
    pending.prepare('s', one);
    await pending.connect('s', one);
    pending.giveUp();
    expect(await pending.attachment).toBe(opened[0]);
    expect([opened.length, closed.length]).toEqual([1, 0]);
  });

  it('is connected again when the start has another one', async () => {
    const { pending, opened, closed } = waiting();
    pending.prepare('s', shim());
    await pending.connect('s', shim());
    expect(await pending.attachment).toBe(opened[1]);
    expect(closed).toEqual([opened[0]]);
  });

  it('leaves nothing when it leaves', async () => {
    const { pending, opened, closed } = waiting();
    pending.prepare('s', shim());
    pending.giveUp();
    pending.prepare('s', shim());
    await pending.connect('s', shim());
    expect(await pending.attachment).toBeNull();
    await expect.poll(() => closed).toEqual(opened);
    expect(opened).toHaveLength(1);
  });
});
