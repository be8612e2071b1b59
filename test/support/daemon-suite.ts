import { afterAll, beforeAll, expect } from 'vitest';
import { importBusybox } from './busybox-image.js';
import { leftovers } from './leak-check.js';
import { poll } from './poll.js';
import { TestDaemon, type TestDaemonOptions } from './test-daemon.js';

/**
 * One daemon with a busybox image for all tests of a file. After the last test every container is removed, and nothing
 * may be left: the leak check is a test of its own in every file that uses this.
 */
export function daemonSuite(options: TestDaemonOptions & { image?: boolean } = {}): { readonly daemon: TestDaemon } {
  let daemon: TestDaemon | undefined;
  beforeAll(async () => {
    daemon = await TestDaemon.start(options);
    if (options.image !== false) await importBusybox(daemon);
  });
  afterAll(async () => {
    if (!daemon) return;
    try {
      if (!daemon.reference) {
        await daemon.removeAllContainers();
        let left: string[] = [];
        await poll('everything to be cleaned up', async () => (left = await leftovers(daemon!)).length === 0, {
          timeoutMs: 10_000,
        }).catch(() => undefined);
        expect(left, 'left behind after all containers were removed').toEqual([]);
      }
    } finally {
      await daemon[Symbol.asyncDispose]();
    }
  });
  return {
    get daemon() {
      if (!daemon) throw new Error('the daemon did not start');
      return daemon;
    },
  };
}
