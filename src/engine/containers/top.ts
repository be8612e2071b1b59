import { execFile } from 'node:child_process';
import { conflict, internal } from '../../shared/errors.js';
import type { ContainersContext } from './containers-context.js';
import { notRunning } from './kill.js';

/** A column that is called PID has to be the process's: rows are found by it. */
const RENAMED_TO_PID = /\s+([^\s]*)=\s*(PID[^\s]*)/g;

/** The arguments of `ps`, which blanks separate whatever the quotes. Throws internal (as dockerd does) when a column only claims to be the pid. */
export function psArguments(text: string): string[] {
  if (text === '') return ['-ef'];
  for (const [, column, title] of text.matchAll(RENAMED_TO_PID)) {
    if (column !== 'pid') throw internal(`specifying "${column}=${title}" is not allowed`);
  }
  return text.split(' ');
}

/** What `ps` of the host says about the processes of a container. */
export async function topContainer(
  ctx: ContainersContext,
  ref: string,
  psArgs: string,
): Promise<{ titles: string[]; processes: string[][] }> {
  const args = psArguments(psArgs);
  const entry = ctx.registry.find(ref);
  const { state } = entry.container;
  if (!state.running) throw notRunning(entry);
  if (state.restarting) throw conflict(`Container ${entry.id} is restarting, wait until the container is running`);
  const pids = new Set(await ctx.deps.cgroups.pids(state.pid, entry.id));
  const output = await runPs(args);
  const table = parsePs(output, pids);
  ctx.deps.emit({
    type: 'container',
    action: 'top',
    actorId: entry.id,
    attributes: { ...entry.container.config.labels, image: entry.container.config.image, name: entry.name },
  });
  return table;
}

function runPs(args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('ps', args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const firstLine = stderr.trim().split('\n')[0] ?? '';
      reject(internal(firstLine === '' ? `ps: ${error.message}` : `ps: ${firstLine}`, error));
    });
  });
}

/** The rows of a `ps` output whose process is one of `pids`. Throws internal `Couldn't find PID field in ps output`. */
export function parsePs(output: string, pids: ReadonlySet<number>): { titles: string[]; processes: string[][] } {
  const [head = '', ...lines] = output.split('\n');
  const titles = head.trim().split(/\s+/);
  const pidColumn = titles.indexOf('PID');
  if (pidColumn < 0) throw internal("Couldn't find PID field in ps output");
  const processes = lines
    .filter((line) => line.trim() !== '')
    .map((line) => splitRow(line, titles.length))
    .filter((row) => pids.has(Number(row[pidColumn])));
  return { titles, processes };
}

/** The last column, the command, may hold blanks. */
function splitRow(line: string, columns: number): string[] {
  const words = line.trim().split(/\s+/);
  return [...words.slice(0, columns - 1), words.slice(columns - 1).join(' ')];
}
