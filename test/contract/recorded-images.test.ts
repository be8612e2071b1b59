import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { askImage, type ImageAnswer } from './recorded/ask-image.js';
import type { ImageQuestion } from './recorded/image-requests.js';
import { ImageScene } from './recorded/image-scene.js';

const suite = daemonSuite({ image: false });
const cases = JSON.parse(readFileSync(new URL('../fixtures/dockerd/images.json', import.meta.url), 'utf8')) as {
  question: ImageQuestion;
  answer: ImageAnswer;
}[];

/** Where we are not as dockerd 28.5 is, on purpose. A request is told by its `section METHOD path body`. */
const OTHERWISE: { request: RegExp; why: string }[] = [
  { request: /"label!":/, why: 'the filter came with later versions; it does no harm in earlier ones' },
  { request: /\/images\/imgs(-a)?\/\/a?/, why: 'dockerd redirects, to what would be another name' },
];

let scene: ImageScene;
beforeAll(async () => {
  scene = await ImageScene.make(suite.daemon.api);
});
afterAll(async () => {
  await scene?.clear();
});

const title = ({ section, method, path, body }: ImageQuestion): string =>
  [section, method, decodeURIComponent(path), ...(body ? [JSON.stringify(body)] : [])].join(' ');

describe.each([...new Set(cases.map(({ question }) => question.section))])('recorded from dockerd: %s', (section) => {
  const own = cases.filter(({ question }) => question.section === section);
  it.each(own.map((one) => [title(one.question), one] as const))('%s', async (name, { question, answer }) => {
    const reply = await askImage(suite.daemon.api, scene, question);
    if (!suite.daemon.reference && OTHERWISE.some(({ request }) => request.test(name))) return;
    const expected = answer;
    // Some of what is the client's fault is dockerd's internal error: 400 with the same words is better.
    const status = expected.status === 500 && reply.status === 400 ? 500 : reply.status;
    expect({ ...reply, ...(suite.daemon.reference ? {} : { status }) }).toEqual(expected);
  });
});
