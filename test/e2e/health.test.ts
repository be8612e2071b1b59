import { describe, expect, it } from 'vitest';
import { Box } from '../support/box.js';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();
const SLEEP = ['sleep', '1000'];
const MS = 1_000_000;
const HOUR = 3600_000 * MS;
/** For what may take long on a busy machine. */
const PATIENT = { timeoutMs: 60_000 };

const health = async (box: Box): Promise<any> => (await box.state()).Health;
const verdict = (box: Box, status: string): Promise<any> =>
  poll(`the health ${status}`, async () => ((await health(box)).Status === status ? health(box) : null), PATIENT);
const probes = (box: Box, count: number): Promise<any> =>
  poll(`${count} probes`, async () => ((await health(box)).Log.length >= count ? health(box) : null), PATIENT);

/** The container's events so far, in order. */
async function actions(box: Box): Promise<string[]> {
  const filters = encodeURIComponent(JSON.stringify({ container: [box.id] }));
  const { text } = await box.daemon.api.get(`/v1.51/events?since=0&until=${Date.now() / 1000}&filters=${filters}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { Action: string }).Action);
}

const run = (Healthcheck: object, more: object = {}): Promise<Box> =>
  Box.run(suite.daemon, SLEEP, { Healthcheck, ...more });

describe('a health check', () => {
  it('follows the state of the container, and tells changes only', async () => {
    const box = await run({
      Test: ['CMD-SHELL', 'test ! -e /sick || { echo ill; exit 3; }'],
      Interval: 50 * MS,
      Retries: 2,
    });
    await verdict(box, 'healthy');
    expect((await box.row()).Status).toMatch(/^Up .* \(healthy\)$/);
    await box.daemon.ok('exec', box.id, 'touch', '/sick');
    const ill = await verdict(box, 'unhealthy');
    expect(ill.FailingStreak).toBeGreaterThanOrEqual(2);
    expect(ill.Log.at(-1)).toMatchObject({ ExitCode: 3, Output: 'ill\n' });
    expect((await box.row()).Status).toMatch(/^Up .* \(unhealthy\)$/);
    await box.daemon.ok('exec', box.id, 'rm', '/sick');
    expect((await verdict(box, 'healthy')).FailingStreak).toBe(0);
    const full = await probes(box, 5);
    expect(full.Log).toHaveLength(5);
    for (const { Start, End } of full.Log) expect(Date.parse(End)).toBeGreaterThanOrEqual(Date.parse(Start));
    expect((await actions(box)).filter((action) => action.startsWith('health_status'))).toEqual([
      'health_status: healthy',
      'health_status: unhealthy',
      'health_status: healthy',
    ]);
    await box.remove();
  });

  it('is found by ps', async () => {
    const box = await run({ Test: ['CMD', 'true'], Interval: HOUR });
    expect((await box.row()).Status).toMatch(/^Up .* \(health: starting\)$/);
    const found = async (value: string): Promise<number> => {
      const filters = encodeURIComponent(JSON.stringify({ id: [box.id], health: [value] }));
      return (await box.daemon.api.get(`/containers/json?filters=${filters}`)).json.length;
    };
    expect([await found('starting'), await found('healthy'), await found('none')]).toEqual([1, 0, 0]);
    await box.remove();
  });

  it.each([
    ['a command', ['CMD', 'sh', '-c', 'echo $0 "$1"', 'a', 'b c'], { ExitCode: 0, Output: 'a b c\n' }],
    ['a shell and its arguments', ['CMD-SHELL', 'echo $0 "$1"', 'a', 'b c'], { ExitCode: 0, Output: 'a b c\n' }],
    ['a shell without a command', ['CMD-SHELL'], { ExitCode: 2 }],
    ['standard error as well', ['CMD-SHELL', 'echo no >&2; exit 1'], { ExitCode: 1, Output: 'no\n' }],
    ['a command that does not exist', ['CMD', 'no-such-command'], { ExitCode: -1 }],
    ['at most 4096 bytes', ['CMD-SHELL', 'yes | head -c 5000'], { ExitCode: 0, Output: `${'y\n'.repeat(2048)}...` }],
  ])('runs %s', async (_, Test, expected) => {
    const box = await run({ Test, Interval: 50 * MS });
    expect((await probes(box, 1)).Log[0]).toMatchObject(expected);
    await box.remove();
  });

  it("runs with the container's environment, directory and user, and its own shell", async () => {
    const script = 'echo $A $(pwd) $(id -u) $0';
    const box = await run(
      { Test: ['CMD-SHELL', script], Interval: 50 * MS },
      { Env: ['A=b'], WorkingDir: '/tmp', User: '1000', Shell: ['/bin/ash', '-c'] },
    );
    expect((await probes(box, 1)).Log[0]).toMatchObject({ ExitCode: 0, Output: 'b /tmp 1000 /bin/ash\n' });
    await box.remove();
  });

  it.each([[['NONE']], [['nonsense', 'x']], [[]]])('is none with %j', async (Test) => {
    const box = await run({ Test, Interval: 50 * MS });
    expect(await health(box)).toBeUndefined();
    expect((await box.row()).Status).not.toContain('health');
    await box.remove();
  });

  it('is killed with its children when it takes too long', async () => {
    const script = 'echo partial; sleep 1234 & sleep 1234; true';
    const box = await run({ Test: ['CMD-SHELL', script], Interval: 50 * MS, Timeout: 300 * MS, Retries: 1 });
    expect((await verdict(box, 'unhealthy')).Log[0]).toMatchObject({
      ExitCode: -1,
      Output: 'Health check exceeded timeout (300ms): partial\n',
    });
    if (!box.daemon.reference) {
      // One probe may be running; what two of them would have left is not there.
      await probes(box, 3);
      const { Processes } = (await box.daemon.api.get(`/containers/${box.id}/top`)).json;
      expect(Processes.filter((row: string[]) => row.at(-1) === 'sleep 1234').length).toBeLessThanOrEqual(2);
    }
    expect((await actions(box)).filter((action) => action === 'exec_die').length).toBeGreaterThanOrEqual(1);
    await box.remove();
  });

  it('does not count failures in the start period, and probes more often in it', async () => {
    const box = await run({
      Test: ['CMD', 'false'],
      Interval: HOUR,
      StartPeriod: HOUR,
      StartInterval: 50 * MS,
      Retries: 1,
    });
    expect(await probes(box, 3)).toMatchObject({ Status: 'starting', FailingStreak: 0 });
    await box.remove();
  });

  it('waits for the interval when it is healthy in the start period', async () => {
    const box = await run({ Test: ['CMD', 'true'], Interval: HOUR, StartPeriod: HOUR, StartInterval: 50 * MS });
    expect((await verdict(box, 'healthy')).Log).toHaveLength(1);
    await box.remove();
  });

  it('counts failures from the first with no start period', async () => {
    const box = await run({ Test: ['CMD', 'false'], Interval: 50 * MS, Retries: 1 });
    expect((await verdict(box, 'unhealthy')).Log.length).toBeGreaterThanOrEqual(1);
    await box.remove();
  });

  it('stands still while the container is paused', async () => {
    const box = await run({ Test: ['CMD-SHELL', 'echo probe'], Interval: 50 * MS, Timeout: 500 * MS });
    await verdict(box, 'healthy');
    await box.ok('pause');
    // dockerd says so of a container that nobody probes, without an event.
    const paused = await health(box);
    expect(paused.Status).toBe('unhealthy');
    // A probe that was running when it was paused is no failure.
    const other = await run({ Test: ['CMD', 'true'], Interval: 50 * MS });
    await probes(other, 5);
    await other.remove();
    expect(await health(box)).toEqual(paused);
    await box.ok('unpause');
    await verdict(box, 'healthy');
    expect((await actions(box)).filter((action) => /^(health|pause|unpause)/.test(action))).toEqual([
      'health_status: healthy',
      'pause',
      'unpause',
      'health_status: healthy',
    ]);
    await box.remove();
  });

  it('begins anew with each run, and keeps its log', async () => {
    const box = await run({ Test: ['CMD-SHELL', 'echo run'], Interval: 500 * MS });
    await verdict(box, 'healthy');
    await box.ok('stop?t=0');
    const stopped = await health(box);
    expect(stopped.Status).toBe('unhealthy');
    await box.ok('update', { RestartPolicy: { Name: 'no' } });
    await box.ok('start');
    await verdict(box, 'healthy');
    expect((await health(box)).Log[0]).toEqual(stopped.Log[0]);
    expect((await actions(box)).filter((action) => action.startsWith('health_status'))).toEqual([
      'health_status: healthy',
      'health_status: healthy',
    ]);
    await box.remove();
  });

  it.skipIf(process.env['WHARF_TEST_TARGET'])('goes on under the next daemon', async () => {
    const { daemon } = suite;
    const box = await run({ Test: ['CMD-SHELL', 'test ! -e /sick'], Interval: 100 * MS, Retries: 1 });
    const known = await verdict(box, 'healthy');
    await daemon.down('SIGKILL');
    await daemon.up();
    expect((await health(box)).Status).toBe('healthy');
    expect((await health(box)).Log.map(({ Start }: any) => Start)).toContain(known.Log[0].Start);
    await daemon.ok('exec', box.id, 'touch', '/sick');
    await verdict(box, 'unhealthy');
    await box.remove();
  });

  it('may leave a process behind that holds its output', async () => {
    const box = await run({ Test: ['CMD-SHELL', 'sleep 1234 & echo done'], Interval: 200 * MS, Timeout: 2000 * MS });
    expect((await probes(box, 1)).Log[0].Output).toContain('done\n');
    await box.remove();
  });
});

describe('a health check in a request', () => {
  it.each([
    [{ Interval: 1 }, 'Interval in Healthcheck cannot be less than 1ms'],
    [{ Interval: -1 }, 'Interval in Healthcheck cannot be less than 1ms'],
    [{ Timeout: 1 }, 'Timeout in Healthcheck cannot be less than 1ms'],
    [{ StartPeriod: 1 }, 'StartPeriod in Healthcheck cannot be less than 1ms'],
    [{ StartInterval: 1 }, 'StartInterval in Healthcheck cannot be less than 1ms'],
    [{ Retries: -1 }, 'Retries in Healthcheck cannot be negative'],
  ])('is refused: %j', async (Healthcheck, message) => {
    const reply = await suite.daemon.api.post('/containers/create', { Image: 'busybox', Cmd: ['true'], Healthcheck });
    expect(reply).toMatchObject({ status: 400, json: { message } });
  });
});
