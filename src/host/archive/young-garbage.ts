import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'minor' }) => void;

let collect: Collect | undefined;

/**
 * How much a thread may pass through buffers that it then drops. A pull has five such threads or more: with 8 MiB its peak was 27 MiB higher, with 2
 * it took some percent more of the processors.
 */
const EVERY_BYTES = 4 * 1024 * 1024;

/**
 * Counts the bytes of buffers that a stream of Node's makes and this thread drops. V8 sees only their small heads, and so lets 60 MiB and
 * more of them pile up on each thread; after every few MiB this collects the young generation, which takes less than a millisecond.
 */
export class YoungGarbage {
  private bytes = 0;

  drop(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < EVERY_BYTES) return;
    this.bytes = 0;
    if (collect === undefined) {
      setFlagsFromString('--expose-gc');
      collect = runInNewContext('gc') as Collect;
    }
    collect({ type: 'minor' });
  }
}
