/**
 * Asks a real dockerd what test/contract/recorded/image-requests.ts has, and writes the answers to the fixture that our daemon is
 * held to. Recorded from dockerd 28.5 with its overlay2 driver, and no images of its own; run it again when requests are added:
 *
 *   npx tsx scripts/record-images.ts unix:///path/to/dockerd.sock
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { askImage, type ImageAnswer } from '../test/contract/recorded/ask-image.js';
import { IMAGE_QUESTIONS, type ImageQuestion } from '../test/contract/recorded/image-requests.js';
import { ImageScene } from '../test/contract/recorded/image-scene.js';
import { ApiClient } from '../test/support/api-client.js';

const FIXTURE = fileURLToPath(new URL('../test/fixtures/dockerd/images.json', import.meta.url));

async function main(target: string | undefined): Promise<void> {
  if (!target?.startsWith('unix://')) throw new Error('usage: record-images.ts unix:///path/to/dockerd.sock');
  const api = new ApiClient(target.replace('unix://', ''));
  const scene = await ImageScene.make(api);
  const cases: { question: ImageQuestion; answer: ImageAnswer }[] = [];
  try {
    for (const question of IMAGE_QUESTIONS) {
      const answer = await askImage(api, scene, question);
      cases.push({ question, answer });
      if (answer.status >= 500) process.stderr.write(`${answer.status} to ${JSON.stringify(question)}\n`);
    }
  } finally {
    await scene.clear();
  }
  writeFileSync(FIXTURE, `[\n${cases.map((one) => JSON.stringify(one)).join(',\n')}\n]\n`);
  process.stdout.write(`${cases.length} cases\n`);
}

await main(process.argv[2]);
