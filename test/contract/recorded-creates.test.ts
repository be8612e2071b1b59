import { readFileSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { daemonSuite } from '../support/daemon-suite.js';
import { askTwice, patched, type CreateAnswer, type FlatInspect } from './recorded/ask-create.js';
import type { CreateQuestion } from './recorded/create-requests.js';
import { CreateScene } from './recorded/create-scene.js';

const suite = daemonSuite({ image: false });
const recorded = JSON.parse(readFileSync(new URL('../fixtures/dockerd/creates.json', import.meta.url), 'utf8')) as {
  plain: Record<string, FlatInspect>;
  host: object;
  cases: { question: CreateQuestion; answer: CreateAnswer }[];
};

/**
 * Where we are not as dockerd 28.5 is, on purpose. A request is told by the end of its body; null: what we say is not compared.
 * `once`: what inspect says can't be asked for again.
 */
const OTHERWISE: { request: RegExp; why: string; answer?: Partial<CreateAnswer>; once?: boolean }[] = [
  { request: /^1.51 platform=a%20b/, why: "the wording of a Go library's expression is no contract" },
  { request: /"Volumes":\{"\/(\.\.)?":/, why: 'no container with a volume for its root would ever start' },
  {
    request: /"(ExposedPorts|PortBindings)":\{"(80(-82\/udp|\/TCP)?)?":/,
    why: 'a port has one name everywhere, 80/tcp, so that every reader finds it',
  },
  { request: /"PortBindings":\{"80\/tcp":null\}/, why: 'no list of bindings is an empty one' },
  {
    request: /"0242\.ac11\.0002"/,
    why: 'a notation that the kernel and most tools do not know',
    answer: { status: 400 },
  },
  {
    request: /create-rich:1","Entrypoint":\[""\]|"Entrypoint":\[""\].*create-rich:1/,
    why: 'null inherits',
    once: true,
  },
  { request: /"BlkioWeightDevice":\[\{"Path":/, why: 'what was dropped is null, like what was not given' },
  { request: /"IpcMode":"container:"/, why: 'it could never start', answer: { status: 400 } },
  {
    request: /^1.40 .*"Capabilities":\["CAP_CHOWN"\]/,
    why: 'ignored, it would give other rights',
    answer: { status: 400 },
  },
  { request: /"EndpointsConfig":\{"cr-net":null\}/, why: 'null is an endpoint with nothing special' },
  {
    request: /"NetworkMode":"host"\},"NetworkingConfig":\{"EndpointsConfig":\{"cr-net"/,
    why: "host's is the one that counts",
  },
  { request: /"Binds":\["\/mnt"\]/, why: 'dockerd leaves out the name of the volume that it made' },
  { request: /"Tmpfs":\{"\/lent-bind"/, why: 'the tmpfs is what is mounted' },
  { request: /"ClusterOptions":\{\}/, why: 'swarm is not built' },
];

/** Limits that depend on the kernel: replies to these are only compared on a host like that of the recording. */
const KERNEL = /Memory|Cpu|Blkio|PidsLimit|OomKill|Privileged|Cgroupns|all at once/;

let scene: CreateScene;
let isSameHost: boolean;
beforeAll(async () => {
  scene = await CreateScene.make(suite.daemon.api);
  isSameHost = JSON.stringify(await scene.hostFacts()) === JSON.stringify(recorded.host);
});
afterAll(async () => {
  await scene?.clear();
  rmSync('/tmp/cr-made', { recursive: true, force: true });
});

const title = ({ version, query, body }: CreateQuestion): string =>
  `${version} ${query === undefined ? '' : `${query} `}${JSON.stringify(body)}`;

describe.each([...new Set(recorded.cases.map(({ question }) => question.section))])('create: %s', (section) => {
  const cases = recorded.cases.filter(({ question }) => question.section === section);
  it.each(cases.map((one) => [title(one.question), one] as const))('%s', async (name, { question, answer }) => {
    const { answer: own, again } = await askTwice(suite.daemon.api, scene, question);
    const other = suite.daemon.reference ? undefined : OTHERWISE.find(({ request }) => request.test(name));
    if (other?.answer) expect(own).toMatchObject(other.answer);
    else if (!other && (isSameHost || !KERNEL.test(name + section)))
      expect(asGoodAs(own, answer)).toEqual(whole(question, answer));
    if (again && !other?.once) expect(again.inspect).toEqual(own.inspect);
  });
});

function whole({ version }: CreateQuestion, answer: CreateAnswer): CreateAnswer {
  if (!answer.inspect) return answer;
  return { ...answer, inspect: patched(recorded.plain[version] ?? {}, answer.inspect) };
}

/** dockerd answers 500 to some things that are the client's fault, where 400 is better; and the names of Go's types are no contract. */
function asGoodAs(own: CreateAnswer, recorded: CreateAnswer): CreateAnswer {
  const isTypeError = ({ message }: CreateAnswer): boolean =>
    message?.startsWith('invalid JSON: json: cannot unmarshal') === true;
  const status = recorded.status === 500 && own.status === 400 ? 500 : own.status;
  return { ...own, status, ...(isTypeError(own) && isTypeError(recorded) && { message: recorded.message }) };
}
