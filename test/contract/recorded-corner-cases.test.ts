import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { ask, type CornerCase, type CornerReply } from './recorded/ask.js';
import { Scene } from './recorded/scene.js';

const suite = daemonSuite({ image: false });
const cases = JSON.parse(
  readFileSync(new URL('../fixtures/dockerd/corner-cases.json', import.meta.url), 'utf8'),
) as CornerCase[];

const frame = (text: string): string => `\u0001\0\0\0\0\0\0${String.fromCharCode(text.length)}${text}`;

const LOGS_OF_EXITED: CornerReply = {
  status: 200,
  headers: { 'content-type': 'application/vnd.docker.multiplexed-stream' },
  body: frame('one\n') + frame('two\n'),
};

/**
 * Where we are not as dockerd 28.5 is, on purpose: our status and body, and why. A key begins a request's
 * `METHOD path body`.
 */
const OTHERWISE: { request: string; why: string; reply: Partial<CornerReply> }[] = [
  {
    request: 'GET /v1.999/version',
    why: 'we serve newer versions',
    reply: {
      status: 400,
      body: { message: 'client version 1.999 is too new. Maximum supported API version is 1.55' },
    },
  },
  {
    request: 'POST /v1.51/containers/create "[]"',
    why: "the names of Go's types are no contract",
    reply: { status: 400 },
  },
  {
    request: String.raw`POST /v1.51/containers/create "{\"Image\":\"corner:1\",\"HostConfig\":[]}"`,
    why: "the names of Go's types are no contract",
    reply: { status: 400 },
  },
  {
    request: String.raw`POST /v1.51/containers/<running>/update "{\"Memory\":\"x\"}"`,
    why: "the names of Go's types are no contract",
    reply: { status: 400 },
  },
  {
    request: 'POST /v1.51/auth "{"',
    why: 'the same words for bad JSON everywhere, and no 500 for it',
    reply: { status: 400, body: { message: 'invalid JSON: unexpected EOF' } },
  },
  {
    request: 'POST /v1.51/containers/create {"Image":"corner:1","HostConfig":{"IpcMode":"container:"}}',
    why: 'it can never start, so it is refused at once, as dockerd does for network and PID modes',
    reply: { status: 400, body: { message: 'invalid IPC mode: container:' } },
  },
  {
    request: 'GET /v1.51/containers//cc-running/json',
    why: 'names begin with a slash; dockerd redirects, which clients follow for GET only',
    reply: { status: 200 },
  },
  {
    request: 'DELETE /v1.51/containers/cc-running?link=1',
    why: 'dockerd calls its own conflict an internal error',
    reply: { status: 409 },
  },
  {
    request: 'POST /v1.51/exec/<exec-done>/start {}',
    why: 'a refusal before the connection is taken over can be told from output',
    reply: { status: 409, body: { message: 'exec command <exec-done> <was started>' } },
  },
  {
    request: 'POST /v1.51/exec/<exec-tty>/start {}',
    why: "the exec's own terminal decides about framing: nobody can tell a framed terminal from output",
    reply: { status: 200, body: 'hi\n' },
  },
  {
    request: 'PUT /v1.51/containers/<readonly>/archive?path=/ ""',
    why: 'the API documents 403',
    reply: { status: 403, body: { message: 'container rootfs is marked read-only' } },
  },
  {
    request: 'GET /v1.51/containers/<exited>/logs?stdout=1&since=2006-01-02',
    why: 'dates are taken too: dockerd leaves it to its CLI to turn them into seconds',
    reply: { ...LOGS_OF_EXITED },
  },
  {
    request: 'GET /v1.51/containers/<exited>/logs?stdout=1&since=10m',
    why: 'durations are taken too: dockerd leaves it to its CLI to turn them into seconds',
    reply: { ...LOGS_OF_EXITED },
  },
  {
    request: 'GET /v1.51/containers/<running>/attach/ws',
    why: 'our refusal has a type',
    reply: { status: 400, headers: { 'content-type': 'text/plain; charset=utf-8' } },
  },
  {
    request: 'POST /v1.51/containers/<created>/update {"BlkioWeightDevice":[{"Path":"/cc-nope","Weight":1}]}',
    why: 'the API has this field in updates from 1.55 on; before, nothing is said of what has no effect',
    reply: { status: 200, body: { Warnings: null } },
  },
  {
    request: 'POST /v1.51/containers/<created>/update {"CpuShares":-1}',
    why: 'no kernel takes it: dockerd refuses it in a create, and keeps it here until the next start fails',
    reply: { status: 400, body: { message: 'invalid CPU shares (-1): value must be a positive integer' } },
  },
  {
    request: 'POST /v1.51/containers/<created>/update {"CpuRealtimePeriod":1,"CpuRealtimeRuntime":2}',
    why: 'no kernel takes it: dockerd refuses it in a create, and keeps it here until the next start fails',
    reply: { status: 400, body: { message: 'cpu real-time runtime cannot be higher than cpu real-time period' } },
  },
];

let scene: Scene;
beforeAll(async () => {
  scene = await Scene.make(suite.daemon.api);
});
afterAll(async () => {
  await scene?.clear();
});

const name = ({ request }: CornerCase): string =>
  [request.method, request.path, ...(request.body === undefined ? [] : [JSON.stringify(request.body)])].join(' ');

describe.each([...new Set(cases.map(({ section }) => section))])('recorded from dockerd: %s', (section) => {
  const own = cases.filter((one) => one.section === section).map((one) => [name(one), one] as const);
  it.each(own)('%s', async (title, one) => {
    const reply = await ask(suite.daemon.api, scene, one);
    const other = suite.daemon.reference ? undefined : OTHERWISE.find(({ request }) => title === request);
    const expected = other ? { ...reply, ...other.reply } : one.reply;
    if (suite.daemon.reference) expect(reply).toEqual(expected);
    else expect(asGoodAs(reply, expected)).toEqual(expected);
  });
});

/**
 * The reply, with what is different but does no harm as it was expected. dockerd answers 500 to some things that are the
 * client's fault: 400 with the same words is better. It leaves its own headers off some replies. And where it shows Go's
 * nil for what was not given, empty lists and maps are as good: no client minds.
 */
function asGoodAs(reply: CornerReply, expected: CornerReply): CornerReply {
  const own = ['docker-experimental', 'ostype', 'server'].filter((name) => !(name in expected.headers));
  const headers = Object.fromEntries(Object.entries(reply.headers).filter(([name]) => !own.includes(name)));
  const status = expected.status === 500 && reply.status === 400 ? 500 : reply.status;
  return { status, headers, body: nilled(reply.body, expected.body) };
}

function nilled(value: unknown, expected: unknown): unknown {
  const isObject = typeof value === 'object' && value !== null;
  if (expected === null && isObject && Object.keys(value).length === 0) return null;
  if (!isObject || Array.isArray(value) || typeof expected !== 'object' || expected === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, nilled(inner, (expected as Record<string, unknown>)[key])]),
  );
}
