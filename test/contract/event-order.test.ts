import { describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { poll } from '../support/poll.js';

const suite = daemonSuite();

interface Event {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  timeNano: number;
}

let count = 0;

/** What a scenario works with: API calls on the one container of its own. */
class Actor {
  readonly name = `ev-${process.pid}-${count++}`;
  id = '';
  /** Ids and names of other things whose events are wanted as well. */
  readonly others: string[] = [];

  async post(path: string, body?: unknown, statuses = [200, 201, 204]): Promise<any> {
    const reply = await suite.daemon.api.post(path, body);
    if (!statuses.includes(reply.status)) throw new Error(`POST ${path}: ${reply.status} ${reply.text}`);
    return reply.json;
  }

  async delete(path: string): Promise<void> {
    const reply = await suite.daemon.api.delete(path);
    if (reply.status >= 300) throw new Error(`DELETE ${path}: ${reply.status} ${reply.text}`);
  }

  async create(Cmd: string[], config: object = {}): Promise<void> {
    const body = { Image: 'busybox', Cmd, StopTimeout: 1, ...config };
    this.id = (await this.post(`/containers/create?name=${this.name}`, body)).Id;
  }

  do(verb: string, body?: unknown): Promise<any> {
    return this.post(`/containers/${this.id}/${verb}`, body);
  }

  async run(Cmd: string[], config: object = {}): Promise<void> {
    await this.create(Cmd, config);
    await this.do('start');
  }

  remove = (query = 'force=1'): Promise<void> => this.delete(`/containers/${this.id}?${query}`);

  /** Until a wait before a restart that is long enough to be met; each is twice the one before. */
  async longBackOff(): Promise<void> {
    await poll('a long wait', async () => {
      const { json } = await suite.daemon.api.get(`/containers/${this.id}/json`);
      return json.RestartCount >= 4 && json.State.Status === 'restarting';
    });
  }

  /** Until the output has the text. */
  async says(text: string): Promise<void> {
    await poll(text, async () =>
      (await suite.daemon.api.get(`/containers/${this.id}/logs?stdout=1`)).text.includes(text),
    );
  }

  async state(): Promise<any> {
    return (await suite.daemon.api.get(`/containers/${this.id}/json`)).json?.State;
  }
}

/** A line of the contract: what is done, and what dockerd 28.5 tells about it. */
interface Scenario {
  name: string;
  /** What of it is not built here: our daemon is not asked. */
  notYet?: string;
  act: (actor: Actor) => Promise<void>;
  /**
   * `action key=value …` of container events; other types with the type before the action.
   */
  events: string[];
}

const SLEEP = ['sleep', '1000'];
const NONE = { HostConfig: { NetworkMode: 'none' } };

const SCENARIOS: Scenario[] = [
  {
    name: 'natural exit',
    act: async (c) => {
      await c.create(['sh', '-c', 'exit 3'], NONE);
      const exited = c.do('wait?condition=next-exit');
      await c.do('start');
      await exited;
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=3 execDuration',
      'destroy',
    ],
  },
  {
    name: 'a restart policy',
    act: async (c) => {
      await c.run(['sh', '-c', 'sleep 0.2; exit 4'], {
        HostConfig: { NetworkMode: 'none', RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } },
      });
      await poll('the last try to end', async () => (await c.state()).Status === 'exited');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=4 execDuration',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=4 execDuration',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=4 execDuration',
      'destroy',
    ],
  },
  {
    name: 'stop that the process obeys',
    act: async (c) => {
      await c.run(['sh', '-c', 'trap "exit 9" TERM; echo ready; while :; do sleep 0.05; done'], NONE);
      await c.says('ready');
      await c.do('stop?t=10');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'kill signal=15',
      'network disconnect type=null container',
      'stop',
      'die exitCode=9 execDuration',
      'destroy',
    ],
  },
  {
    name: 'stop that the process ignores',
    act: async (c) => {
      await c.run(SLEEP, NONE);
      await c.do('stop?t=1');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'kill signal=15',
      'kill signal=9',
      'network disconnect type=null container',
      'stop',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'stop while a restart is being waited for',
    act: async (c) => {
      await c.run(['false'], { HostConfig: { NetworkMode: 'none', RestartPolicy: { Name: 'always' } } });
      await c.longBackOff();
      await c.do('stop');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=1 execDuration',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=1 execDuration',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=1 execDuration',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=1 execDuration',
      'stop',
      'destroy',
    ],
  },
  {
    name: 'kill',
    act: async (c) => {
      await c.run(SLEEP, NONE);
      const exited = c.do('wait?condition=next-exit');
      await c.do('kill');
      await exited;
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'a signal that is no end',
    act: async (c) => {
      await c.run(SLEEP, NONE);
      await c.do('kill?signal=CONT');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'kill signal=18',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'restart',
    act: async (c) => {
      await c.run(SLEEP, NONE);
      await c.do('restart?t=0');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'kill signal=15',
      'kill signal=9',
      'network disconnect type=null container',
      'stop',
      'die exitCode=137 execDuration',
      'network connect type=null container',
      'start',
      'restart',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'restart of a stopped container',
    act: async (c) => {
      await c.create(SLEEP, NONE);
      await c.do('restart');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'restart',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'rm -f of a running container',
    act: async (c) => {
      await c.run(SLEEP, NONE);
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'rm of a created container',
    act: async (c) => {
      await c.create(SLEEP, NONE);
      await c.remove('');
    },
    events: ['create', 'destroy'],
  },
  {
    name: '--rm',
    act: async (c) => {
      await c.create(['true'], { HostConfig: { NetworkMode: 'none', AutoRemove: true } });
      const removed = c.do('wait?condition=removed');
      await c.do('start');
      await removed;
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=0 execDuration',
      'destroy',
    ],
  },
  {
    name: 'a start that fails',
    act: async (c) => {
      await c.create(['no-such-command'], NONE);
      await c.post(`/containers/${c.id}/start`, undefined, [400]);
      await c.remove();
    },
    events: ['create', 'network disconnect type=null container', 'destroy'],
  },
  {
    name: 'pause and unpause',
    act: async (c) => {
      await c.run(SLEEP, NONE);
      await c.do('pause');
      await c.do('unpause');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'pause',
      'unpause',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'rename',
    act: async (c) => {
      await c.create(SLEEP, NONE);
      await c.do(`rename?name=${c.name}-new`);
      await c.remove();
    },
    events: ['create', 'rename oldName=/<name>', 'destroy'],
  },
  {
    name: 'update, resize, top, copy',
    act: async (c) => {
      await c.run(SLEEP, { ...NONE, Tty: true });
      await c.do('update', { PidsLimit: 50 });
      await c.do('resize?h=20&w=60');
      await suite.daemon.api.get(`/containers/${c.id}/top`);
      await suite.daemon.api.get(`/containers/${c.id}/archive?path=/etc/passwd`);
      await suite.daemon.api.call('PUT', `/containers/${c.id}/archive?path=/tmp`, Buffer.alloc(1024));
      await suite.daemon.api.get(`/containers/${c.id}/export`);
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'update',
      'resize',
      'top',
      'archive-path',
      'extract-to-dir',
      'export',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'exec',
    act: async (c) => {
      await c.run(SLEEP, NONE);
      const { Id } = await c.do('exec', { Cmd: ['sh', '-c', 'exit 6'], AttachStdout: true });
      await c.post(`/exec/${Id}/start`, { Detach: true });
      await poll('the exec to end', async () => (await suite.daemon.api.get(`/exec/${Id}/json`)).json.ExitCode === 6);
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'exec_create: sh -c exit 6 execID',
      'exec_start: sh -c exit 6 execID',
      'exec_die exitCode=6 execID',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  ...[false, true].map((AutoRemove) => ({
    name: `an end while execs run, ${AutoRemove ? 'and with it the removal' : 'without a removal'}`,
    act: async (c: Actor) => {
      await c.run(['sh', '-c', 'read line'], { OpenStdin: true, HostConfig: { NetworkMode: 'none', AutoRemove } });
      for (const Cmd of [SLEEP, SLEEP]) {
        const { Id } = await c.do('exec', { Cmd });
        await c.post(`/exec/${Id}/start`, { Detach: true });
      }
      const ended = c.do(`wait?condition=${AutoRemove ? 'removed' : 'next-exit'}`);
      const { socket } = await suite.daemon.api.upgrade(`/containers/${c.id}/attach?stream=1&stdin=1&stdout=1`);
      socket.write('go\n');
      await ended;
      socket.destroy();
      if (!AutoRemove) await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'exec_create: sleep 1000 execID',
      'exec_start: sleep 1000 execID',
      'exec_create: sleep 1000 execID',
      'exec_start: sleep 1000 execID',
      'attach',
      'exec_die exitCode=137 execID',
      'exec_die exitCode=137 execID',
      'network disconnect type=null container',
      'die exitCode=0 execDuration',
      'destroy',
    ],
  })),
  {
    name: 'docker run with the default network and a new volume',
    act: async (c) => {
      c.others.push(`${c.name}-volume`);
      await suite.daemon.ok('run', '--rm', '--name', c.name, '-v', `${c.name}-volume:/data`, 'busybox', 'true');
      await suite.daemon.ok('volume', 'rm', `${c.name}-volume`);
    },
    events: [
      'volume create driver=local',
      'create',
      'attach',
      'volume mount driver=local destination=/data read/write=true propagation= container',
      'network connect type=bridge container',
      'start',
      'network disconnect type=bridge container',
      'volume unmount driver=local container',
      'die exitCode=0 execDuration',
      'destroy',
      'volume destroy driver=local',
    ],
  },
  {
    name: 'docker run -d with an anonymous volume, then rm -fv',
    act: async (c) => {
      c.id = await suite.daemon.ok('run', '-d', '--name', c.name, '-v', '/data', 'busybox', ...SLEEP);
      const { json } = await suite.daemon.api.get(`/containers/${c.id}/json`);
      c.others.push(json.Mounts[0].Name);
      await c.remove('force=1&v=1');
    },
    events: [
      'volume create driver=local',
      'create',
      'volume mount driver=local destination=/data read/write=true propagation= container',
      'network connect type=bridge container',
      'start',
      'kill signal=9',
      'network disconnect type=bridge container',
      'volume unmount driver=local container',
      'die exitCode=137 execDuration',
      'volume destroy driver=local',
      'destroy',
    ],
  },
  {
    name: 'rm -f while a restart is being waited for',
    act: async (c) => {
      await c.run(['false'], { HostConfig: { NetworkMode: 'none', RestartPolicy: { Name: 'always' } } });
      await c.longBackOff();
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=1 execDuration',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=1 execDuration',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=1 execDuration',
      'network connect type=null container',
      'start',
      'network disconnect type=null container',
      'die exitCode=1 execDuration',
      'destroy',
    ],
  },
  {
    name: 'out of memory',
    act: async (c) => {
      // one process, as the kernel may kill another one while the first is on its way out
      const eat = 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done';
      await c.run(['sh', '-c', eat], { HostConfig: { NetworkMode: 'none', Memory: 16 << 20, MemorySwap: 16 << 20 } });
      await c.do('wait');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'oom',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'a health check',
    act: async (c) => {
      await c.run(SLEEP, { ...NONE, Healthcheck: { Test: ['CMD', 'true'], Interval: 50_000_000 } });
      await poll('a verdict', async () => (await c.state()).Health?.Status === 'healthy');
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'exec_create: true  execID',
      'exec_start: true  execID',
      'exec_die exitCode=0 execID',
      'health_status: healthy',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'attach and detach',
    act: async (c) => {
      await c.run(['cat'], { ...NONE, OpenStdin: true, Tty: true });
      const { socket } = await suite.daemon.api.upgrade(`/containers/${c.id}/attach?stream=1&stdin=1&stdout=1`);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.resume();
      socket.write('\x10\x11');
      await closed;
      socket.destroy();
      await c.remove();
    },
    events: [
      'create',
      'network connect type=null container',
      'start',
      'attach',
      'detach',
      'kill signal=9',
      'network disconnect type=null container',
      'die exitCode=137 execDuration',
      'destroy',
    ],
  },
  {
    name: 'tags of an image',
    act: async (c) => {
      await c.post(`/images/busybox/tag?repo=${c.name}&tag=1`);
      await c.delete(`/images/${c.name}:1`);
      c.others.push((await suite.daemon.api.get('/images/busybox/json')).json.Id);
    },
    events: ['image tag', 'image untag'],
  },
  {
    name: 'a network of its own',
    act: async (c) => {
      const { Id } = await c.post('/networks/create', { Name: c.name });
      c.others.push(Id);
      await c.run(SLEEP, { HostConfig: { NetworkMode: c.name } });
      await c.post(`/networks/bridge/connect`, { Container: c.id });
      await c.post(`/networks/bridge/disconnect`, { Container: c.id });
      await c.remove();
      await c.delete(`/networks/${Id}`);
    },
    events: [
      'network create type=bridge',
      'create',
      'network connect type=bridge container',
      'start',
      'network connect type=bridge container',
      'network disconnect type=bridge container',
      'kill signal=9',
      'network disconnect type=bridge container',
      'die exitCode=137 execDuration',
      'destroy',
      'network destroy type=bridge',
    ],
  },
];

/** Attributes that say what happened; the rest says to whom. */
const TOLD = ['exitCode', 'signal', 'oldName', 'driver', 'destination', 'read/write', 'propagation', 'type', 'path'];

function describeEvent({ Type, Action, Actor }: Event, name: string): string {
  const told = TOLD.filter((key) => key in Actor.Attributes).map((key) => `${key}=${Actor.Attributes[key]}`);
  const extra = ['execID', 'execDuration', 'container'].filter((key) => key in Actor.Attributes);
  const kind = Type === 'container' ? '' : `${Type} `;
  return [kind + Action, ...told, ...extra].join(' ').replaceAll(name, '<name>');
}

/** dockerd tells stop and the die that it causes in either order. */
function anyOrder(events: string[]): string[] {
  const sorted = [...events];
  for (let i = 0; i + 1 < sorted.length; i++) {
    if (sorted[i] === 'stop' && sorted[i + 1]?.startsWith('die ')) {
      sorted.splice(i, 2, sorted[i + 1] as string, 'stop');
    }
  }
  return sorted;
}

/** All events of the scenario that the daemon has told by now: the stream ends by itself. */
async function eventsOf(actor: Actor, sinceSec: string): Promise<Event[]> {
  const until = (Date.now() / 1000 + 0.05).toFixed(3);
  const { text } = await suite.daemon.api.get(`/v1.51/events?since=${sinceSec}&until=${until}`);
  const all = text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Event);
  actor.id ||= all.find(({ Actor: { Attributes } }) => Attributes.name === actor.name)?.Actor.ID ?? '';
  const ids = [actor.id, ...actor.others].filter((id) => id !== '');
  return all.filter(
    ({ Actor: { ID, Attributes } }) =>
      ids.includes(ID) || ids.includes(Attributes.container ?? '') || Attributes.name?.includes(actor.name),
  );
}

describe('the order of events', () => {
  it.each(SCENARIOS)('$name', async ({ act, events, notYet, name }) => {
    if (notYet && !suite.daemon.reference) return console.warn(`left out, not built yet: ${notYet} (${name})`);
    const since = (Date.now() / 1000 - 0.001).toFixed(3);
    const actor = new Actor();
    await act(actor);
    const seen = await eventsOf(actor, since);
    const told = seen.map((event) => describeEvent(event, actor.name));
    expect(anyOrder(told)).toEqual(anyOrder(events));
  });
});
