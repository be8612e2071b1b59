import { constants } from 'node:os';
import { invalid } from './errors.js';

const RTMIN = 34;
const RTMAX = 64;
const INT64 = 2n ** 63n;

const BY_NAME: ReadonlyMap<string, number> = new Map([
  ...Object.entries(constants.signals).map(([name, number]): [string, number] => [name.replace(/^SIG/, ''), number]),
  ['CLD', constants.signals.SIGCHLD],
  ['RTMIN', RTMIN],
  ['RTMAX', RTMAX],
]);

/**
 * The number of a signal given as a name (`KILL`, `SIGKILL`, `sigkill`, `RTMIN+3`, `RTMAX-1`) or as a decimal number, which
 * may be none that the kernel has (see `isKernelSignal`), as with dockerd. Throws invalid `invalid signal: x` for anything else, 0 included.
 */
export function parseSignal(text: string): number {
  if (/^[+-]?\d+$/.test(text)) {
    const exact = BigInt(text.replace('+', ''));
    if (exact === 0n || exact >= INT64 || exact < -INT64) throw invalid(`invalid signal: ${text}`);
    return Number(exact);
  }
  const name = text.toUpperCase().replace(/^SIG/, '');
  const number = BY_NAME.get(name) ?? realTime(name);
  if (number === undefined) throw invalid(`invalid signal: ${text}`);
  return number;
}

/** Whether the kernel delivers a signal of this number. */
export function isKernelSignal(number: number): boolean {
  return number > 0 && number <= RTMAX;
}

/** dockerd knows them as `RTMIN+1` to `RTMIN+15` and `RTMAX-14` to `RTMAX-1`. */
function realTime(name: string): number | undefined {
  const [, end, digits = ''] = /^RT(MIN\+|MAX-)([1-9]\d?)$/.exec(name) ?? [];
  const offset = Number(digits);
  if (end === 'MIN+' && offset <= 15) return RTMIN + offset;
  return end === 'MAX-' && offset <= 14 ? RTMAX - offset : undefined;
}
