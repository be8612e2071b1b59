import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const isReference = process.env['WHARF_TEST_TARGET'] !== undefined;

/** Its child eats all memory and is killed each time that it gets SIGUSR1; SIGUSR2 ends it with 3. */
const HUNGRY = `trap 'tail /dev/zero; echo "child ended with $?"' USR1
trap 'exit 3' USR2
echo ready
while :; do sleep 0.1; done`;

const LIMITS = { Memory: 16 << 20, MemorySwap: 16 << 20 };

async function hungry(): Promise<Box> {
  const box = await Box.run(suite.daemon, ['sh', '-c', HUNGRY], { HostConfig: LIMITS });
  await box.says('ready');
  return box;
}

/** What has been told of it; dockerd may tell twice of what was one event. */
async function told(box: Box): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [box.id], event: ['oom', 'die'] }));
  const { text } = await box.daemon.api.get(`/events?since=0&until=${Date.now() / 1000}&filters=${filters}`);
  const actions = text
    .split(/[\n\x1e]/)
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { Action: string }).Action);
  return isReference ? actions.filter((action, i) => action !== actions[i - 1]) : actions;
}

const until = (box: Box, events: string[]): Promise<unknown> =>
  poll(`the events ${events.join(', ')}`, async () => (await told(box)).join() === events.join(), {
    timeoutMs: 60_000,
  });

const deaths = async (box: Box): Promise<number> =>
  (await box.daemon.api.get(`/containers/${box.id}/logs?stdout=1`)).text.split('child ended with 137').length - 1;
const died = (box: Box, count: number): Promise<unknown> =>
  poll(`${count} dead children`, async () => (await deaths(box)) === count, { timeoutMs: 60_000 });

it('tells that a child was killed for want of memory when it happens, while the container goes on', async () => {
  const box = await hungry();
  expect(await box.state()).toMatchObject({ OOMKilled: false });
  await box.ok('kill?signal=USR1');
  await died(box, 1);
  await until(box, ['oom']);
  expect(await box.state()).toMatchObject({ Status: 'running', Running: true, OOMKilled: true });

  await box.ok('kill?signal=USR2');
  await box.ok('wait');
  expect(await box.state()).toMatchObject({ Status: 'exited', ExitCode: 3, OOMKilled: true, Error: '' });
  await until(box, ['oom', 'die']);

  await box.ok('start');
  expect(await box.state()).toMatchObject({ OOMKilled: false });
  await box.remove();
});

it('tells the same of an exec', async () => {
  const box = await hungry();
  const { Id } = await box.ok('exec', { Cmd: ['tail', '/dev/zero'] });
  await suite.daemon.api.post(`/exec/${Id}/start`, { Detach: true });
  await until(box, ['oom']);
  await poll('its end', async () => (await suite.daemon.api.get(`/exec/${Id}/json`)).json.ExitCode === 137);
  expect(await box.state()).toMatchObject({ Running: true, OOMKilled: true });
  await box.remove();
});

it('tells it of a container whose processes wait for memory instead of being killed', async () => {
  const info = (await suite.daemon.api.get('/info')).json;
  if (!info.OomKillDisable) return;
  // The first process must not need memory.
  const box = await Box.run(suite.daemon, ['sleep', '1000'], { HostConfig: { ...LIMITS, OomKillDisable: true } });
  // It needs no system call to fill its memory: one that lacks memory fails instead of waiting.
  const { Id } = await box.ok('exec', { Cmd: ['awk', 'BEGIN { s = "x"; while (1) s = s s }'] });
  await suite.daemon.api.post(`/exec/${Id}/start`, { Detach: true });
  await until(box, ['oom']);
  expect(await box.state()).toMatchObject({ Running: true, OOMKilled: true });
  await box.remove();
});

it.skipIf(isReference)('is told by the next daemon if none was there, once, and not what was told before', async () => {
  const { daemon } = suite;
  /** How many children were killed, without asking the daemon. */
  const logged = (box: Box): number => {
    const log = readFileSync(join(daemon.dataRoot, 'containers', box.id, `${box.id}-json.log`), 'utf8');
    return log.split('child ended with 137').length - 1;
  };
  const [quiet, first, second, ended] = await Promise.all([hungry(), hungry(), hungry(), hungry()]);
  for (const box of [quiet, second, ended]) {
    await box.ok('kill?signal=USR1');
    await until(box, ['oom']);
    await died(box, 1);
  }
  const pid = new Map<Box, number>();
  for (const box of [first, second, ended]) pid.set(box, (await box.state()).Pid);

  await daemon.down('SIGKILL');
  for (const box of [first, second, ended]) {
    const before = logged(box);
    process.kill(pid.get(box)!, 'SIGUSR1');
    await poll('the child to be killed', () => logged(box) === before + 1, { timeoutMs: 60_000 });
  }
  process.kill(pid.get(ended)!, 'SIGUSR2');
  await poll('its end', () => !existsSync(`/proc/${pid.get(ended)!}`), { timeoutMs: 60_000 });
  await daemon.up();

  await until(first, ['oom']);
  await until(second, ['oom']);
  await until(ended, ['oom', 'die']);
  expect(await told(quiet)).toEqual([]);
  for (const box of [quiet, first, second]) expect(await box.state()).toMatchObject({ Running: true, OOMKilled: true });
  expect(await ended.state()).toMatchObject({ Status: 'exited', ExitCode: 3, OOMKilled: true });
  for (const box of [quiet, first, second, ended]) await box.remove();
});
