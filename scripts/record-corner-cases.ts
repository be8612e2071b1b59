/**
 * Asks a real dockerd what test/contract/recorded/requests.ts and order-requests.ts have, and writes the answers to the fixture that our daemon is
 * held to. Recorded from dockerd 28.5; run it again when requests are added:
 *
 *   npx tsx scripts/record-corner-cases.ts unix:///path/to/dockerd.sock
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ask, type CornerCase } from '../test/contract/recorded/ask.js';
import { ORDER_QUESTIONS } from '../test/contract/recorded/order-requests.js';
import { QUESTIONS } from '../test/contract/recorded/requests.js';
import { Scene } from '../test/contract/recorded/scene.js';
import { ApiClient } from '../test/support/api-client.js';

const FIXTURE = fileURLToPath(new URL('../test/fixtures/dockerd/corner-cases.json', import.meta.url));

async function main(target: string | undefined): Promise<void> {
  if (!target?.startsWith('unix://')) throw new Error('usage: record-corner-cases.ts unix:///path/to/dockerd.sock');
  const api = new ApiClient(target.replace('unix://', ''));
  const scene = await Scene.make(api);
  const cases: CornerCase[] = [];
  try {
    for (const question of [...QUESTIONS, ...ORDER_QUESTIONS]) {
      const reply = await ask(api, scene, question);
      cases.push({ ...question, reply });
      if (reply.status >= 500) process.stderr.write(`${reply.status} to ${JSON.stringify(question.request)}\n`);
    }
  } finally {
    await scene.clear();
  }
  writeFileSync(FIXTURE, `${JSON.stringify(cases, null, 1)}\n`);
  process.stdout.write(`${cases.length} cases\n`);
}

await main(process.argv[2]);
