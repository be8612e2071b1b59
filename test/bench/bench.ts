/**
 * `npm run bench -- --against unix:///path/to/docker.sock [--ours unix:///…] [--only TEXT] [--json FILE]`
 *
 * Measures every row of the design's table on our daemon (started here unless --ours names one) and on another Docker
 * daemon, turn by turn, and prints medians and ratios. Without --against only ours is measured.
 */
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import yargs from 'yargs';
import { busyboxTar } from '../support/busybox-image.js';
import { TestDaemon } from '../support/test-daemon.js';
import { rows, type Row } from './rows.js';
import { Target } from './target.js';

interface Outcome {
  row: string;
  unit: string;
  budget: number;
  limit: number | null;
  ours: number | null;
  theirs: number | null;
  ratio: number | null;
  note: string;
}

const median = (values: number[]): number | null =>
  values.length ? [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)]! : null;

/** Both sides in turn, so that a noisy moment hits both. A side that can't do the row is left out of it. */
async function measureRow(row: Row, targets: Target[]): Promise<Outcome> {
  const values = new Map<Target, number[]>(targets.map((target) => [target, []]));
  const notes: string[] = [];
  const undo: (() => Promise<void>)[] = [];
  const failed = new Set<Target>();
  const attempt = async (target: Target, what: () => Promise<void>): Promise<void> => {
    try {
      await what();
    } catch (error) {
      failed.add(target);
      notes.push(`${target.name}: ${(error as Error).message.trim().split('\n')[0]!.slice(0, 100)}`);
    }
  };
  for (const target of targets)
    await attempt(target, async () => void (row.prepare && undo.push(await row.prepare(target))));
  for (let round = 0; round < row.rounds; round++) {
    for (const target of targets) {
      if (!failed.has(target))
        await attempt(target, async () => void values.get(target)!.push(await row.measure(target)));
    }
  }
  for (const step of undo) await step();
  const [ours, theirs] = targets.map((target) => (failed.has(target) ? null : median(values.get(target)!)));
  return {
    row: row.name,
    unit: row.unit,
    budget: row.budget,
    limit: row.limit ?? null,
    ours: ours ?? null,
    theirs: theirs ?? null,
    ratio: ours && theirs ? ours / theirs : null,
    note: notes.join('; '),
  };
}

const show = (value: number | null, unit: string): string =>
  value === null ? '–' : `${value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)} ${unit}`;

function line(outcome: Outcome): string {
  const { limit } = outcome;
  const isOver = outcome.ratio !== null && outcome.ratio > outcome.budget;
  const verdict =
    isOver || (limit !== null && (outcome.ours ?? 0) > limit) ? 'OVER' : outcome.ratio === null ? '' : 'within';
  const most = limit === null ? '' : `, ${limit} ${outcome.unit}`;
  const ratio = outcome.ratio === null ? '–' : outcome.ratio.toFixed(2);
  return `| ${outcome.row} | ${show(outcome.ours, outcome.unit)} | ${show(outcome.theirs, outcome.unit)} | ${ratio} | ≤ ${outcome.budget}${most} | ${verdict}${outcome.note ? ` ${outcome.note}` : ''} |`;
}

const options = await yargs(process.argv.slice(2))
  .option('against', { type: 'string', describe: 'socket of the daemon to compare with' })
  .option('ours', { type: 'string', describe: 'socket of a running wharfd; one is started if absent' })
  .option('only', { type: 'string', describe: 'only rows whose name contains this' })
  .option('json', { type: 'string', describe: 'write the outcomes to this file too' })
  .strict()
  .parse();

const daemon = options.ours ? null : await TestDaemon.start({ flags: ['--log-level', 'error'] });
try {
  const targets = [new Target('ours', options.ours?.replace('unix://', '') ?? daemon!.socketPath)];
  if (options.against) targets.push(new Target('theirs', options.against.replace('unix://', '')));
  for (const target of targets)
    await target.docker(['import', '-c', 'CMD ["sh"]', '-c', 'ENV PATH=/bin:/usr/bin', '-', 'busybox:latest'], {
      input: busyboxTar(),
    });
  const versions = await Promise.all(
    targets.map(async (target) => `${target.name}: ${(await target.call('GET', '/version')).Version}`),
  );
  console.log(
    `${cpus().length} × ${cpus()[0]?.model ?? 'cpu'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, Node ${process.version}; ${versions.join(', ')}\n`,
  );
  console.log('| what | ours | theirs | ratio | budget | |\n|---|---|---|---|---|---|');
  const outcomes: Outcome[] = [];
  for (const row of rows.filter((candidate) => !options.only || candidate.name.includes(options.only))) {
    const outcome = await measureRow(row, targets);
    outcomes.push(outcome);
    console.log(line(outcome));
  }
  if (options.json) writeFileSync(options.json, JSON.stringify(outcomes, null, 2));
} finally {
  await daemon?.[Symbol.asyncDispose]();
}
