import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pack } from 'tar-stream';
import { runOk } from './command.js';
import type { TestDaemon } from './test-daemon.js';

export const sha256 = (data: Buffer | string): string => createHash('sha256').update(data).digest('hex');

/** Bytes that do not compress, the same for the same seed. */
export function noise(seed: string, sizeBytes: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at * 32 < sizeBytes; at++) parts.push(createHash('sha256').update(`${seed} ${at}`).digest());
  return Buffer.concat(parts).subarray(0, sizeBytes);
}

/** A tar of these files. */
export async function tarOf(files: Record<string, Buffer | string>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name, mtime: new Date(0) }, content);
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A docker-archive of these layers, as `docker save` has written it for ages. */
export async function dockerArchive(
  layers: Buffer[],
  tags: string[],
  more: { architecture?: string; variant?: string; labels?: Record<string, string> } = {},
): Promise<Buffer> {
  const config = JSON.stringify({
    architecture: more.architecture ?? (process.arch === 'x64' ? 'amd64' : process.arch),
    ...(more.variant ? { variant: more.variant } : {}),
    os: 'linux',
    created: '2024-01-02T03:04:05Z',
    config: { Env: ['PATH=/bin'], Cmd: ['sh'], ...(more.labels ? { Labels: more.labels } : {}) },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    history: layers.map(() => ({ created: '2024-01-02T03:04:05Z', created_by: 'test' })),
  });
  const names = layers.map((_, index) => `layer${index}.tar`);
  return tarOf({
    'config.json': config,
    ...Object.fromEntries(layers.map((layer, index) => [names[index]!, layer])),
    'manifest.json': JSON.stringify([{ Config: 'config.json', RepoTags: tags, Layers: names }]),
  });
}

/** Copies a docker-archive to a registry that the daemon's namespace reaches, with skopeo. */
export async function skopeoPush(daemon: TestDaemon, archive: Buffer, name: string, ...flags: string[]): Promise<void> {
  const file = join(daemon.dir, `push-${Math.random().toString(36).slice(2)}.tar`);
  writeFileSync(file, archive);
  const [program, args] = daemon.holder.enter(
    'skopeo',
    'copy',
    '-q',
    '--insecure-policy',
    '--dest-tls-verify=false',
    ...flags,
    `docker-archive:${file}`,
    `docker://${name}`,
  );
  await runOk(program, args);
}
