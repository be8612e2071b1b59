/**
 * Asks a real dockerd to create what test/contract/recorded/create-requests.ts has, and writes the answers to the fixture that
 * our daemon is held to. Recorded from dockerd 28.5; run it again when requests are added:
 *
 *   npx tsx scripts/record-creates.ts unix:///path/to/dockerd.sock
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { askCreate, difference, type CreateAnswer, type FlatInspect } from '../test/contract/recorded/ask-create.js';
import { CREATE_QUESTIONS } from '../test/contract/recorded/create-requests.js';
import { CreateScene } from '../test/contract/recorded/create-scene.js';
import { ApiClient } from '../test/support/api-client.js';

const FIXTURE = fileURLToPath(new URL('../test/fixtures/dockerd/creates.json', import.meta.url));

async function main(target: string | undefined): Promise<void> {
  if (!target?.startsWith('unix://')) throw new Error('usage: record-creates.ts unix:///path/to/dockerd.sock');
  const api = new ApiClient(target.replace('unix://', ''));
  const scene = await CreateScene.make(api);
  /** By version: how inspect shows a container of which nothing was asked. */
  const plain: Record<string, FlatInspect> = {};
  const answers: CreateAnswer[] = [];
  const host = JSON.stringify(await scene.hostFacts());
  try {
    for (const question of CREATE_QUESTIONS) {
      const answer = await askCreate(api, scene, question);
      plain[question.version] ??= answer.inspect ?? {};
      const { inspect, ...rest } = answer;
      answers.push(inspect ? { ...rest, inspect: difference(inspect, plain[question.version] ?? {}) } : rest);
    }
  } finally {
    await scene.clear();
  }
  const lines = CREATE_QUESTIONS.map((question, index) => JSON.stringify({ question, answer: answers[index] }));
  const head = JSON.stringify(plain, null, 1);
  writeFileSync(FIXTURE, `{\n"host": ${host},\n"plain": ${head},\n"cases": [\n${lines.join(',\n')}\n]}\n`);
  process.stdout.write(`${lines.length} cases\n`);
}

await main(process.argv[2]);
