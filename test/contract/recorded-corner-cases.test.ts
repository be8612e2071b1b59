import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { ask, type CornerCase, type CornerReply } from './recorded/ask.js';
import { Scene } from './recorded/scene.js';

const suite = daemonSuite({ image: false });
const cases = JSON.parse(
  readFileSync(new URL('../fixtures/dockerd/corner-cases.json', import.meta.url), 'utf8'),
) as CornerCase[];

/**
 * Where we are not as dockerd 28.5 is, on purpose: our status and body, and why. A key begins a request's
 * `METHOD path body`.
 */
const OTHERWISE: { request: string; why: string; reply: { status: number; body?: unknown } }[] = [];

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
    const other = suite.daemon.reference ? undefined : OTHERWISE.find(({ request }) => title.startsWith(request));
    const expected = other ? { ...one.reply, body: reply.body, headers: reply.headers, ...other.reply } : one.reply;
    expect(comparable(reply, expected)).toEqual(comparable(expected, reply));
  });
});

/** dockerd answers 500 to some things that are the client's fault; 400 with the same words is as good, or better. */
function comparable(reply: CornerReply, other: CornerReply): CornerReply {
  const isClientsFault = [reply.status, other.status].sort().join() === '400,500';
  return isClientsFault ? { ...reply, status: 400 } : reply;
}
