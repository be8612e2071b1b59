import { randomInt } from 'node:crypto';
import { hasCode } from '../../shared/errors.js';
import { deleteGroup, deleteLink, setLink } from './links.js';
import { openRouteSocket, type RouteSocket } from './route-socket.js';

interface Waiting {
  done: Promise<void>;
  resolve: () => void;
  reject: (error: unknown) => void;
}

const MAX_GROUP = 2 ** 31;

/**
 * Removes interfaces on a thread: the kernel waits 10 to 50 ms for those who may still look at one. What is asked for meanwhile
 * goes together next time, since many take no longer than one. Whoever made it closes it.
 */
export class LinkRemover {
  private waiting = new Map<string, Waiting>();
  private running: Promise<void> | null = null;

  /** The socket is its own from now on. */
  constructor(private readonly socket: RouteSocket = openRouteSocket()) {}

  /** Resolves once the kernel has removed it, a veth with its peer; one that is not there is fine. */
  remove(name: string): Promise<void> {
    const present = this.waiting.get(name);
    if (present) return present.done;
    let [resolve, reject] = [(): void => undefined, (_error: unknown): void => undefined];
    const done = new Promise<void>((fulfil, refuse) => ([resolve, reject] = [fulfil, refuse]));
    this.waiting.set(name, { done, resolve, reject });
    this.running ??= this.run();
    return done;
  }

  /** Waits for what is being removed, and lets go of the kernel. */
  async close(): Promise<void> {
    await this.running;
    this.socket[Symbol.dispose]();
  }

  private async run(): Promise<void> {
    while (this.waiting.size > 0) {
      const round = this.waiting;
      this.waiting = new Map();
      if (round.size > 1) await this.removeTogether([...round.keys()]);
      for (const [name, { resolve, reject }] of round) await this.removeOne(name).then(resolve, reject);
    }
    this.running = null;
  }

  private async removeOne(name: string): Promise<void> {
    try {
      // Asking costs nothing where it went with the others.
      await this.socket.requestAside(deleteLink(name));
    } catch (error) {
      if (!hasCode(error, 'ENODEV')) throw error;
    }
  }

  /**
   * By a group that is new each time: after a daemon's end in between, nothing else may ever be taken for a member. What goes
   * wrong here goes wrong again one by one, and is told there.
   */
  private async removeTogether(names: readonly string[]): Promise<void> {
    const group = randomInt(1, MAX_GROUP);
    try {
      for (const name of names) this.join(name, group);
      await this.socket.requestAside(deleteGroup(group));
    } catch {
      // See above.
    }
  }

  private join(name: string, group: number): void {
    try {
      this.socket.request(setLink(name, { group }));
    } catch (error) {
      if (!hasCode(error, 'ENODEV')) throw error;
    }
  }
}
