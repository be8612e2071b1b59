import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestDaemon } from './test-daemon.js';

let cached: Buffer | undefined;

/** A root file system tar made from the host's static busybox, with all its applets. */
export function busyboxTar(): Buffer {
  if (cached) return cached;
  const dir = mkdtempSync(join(tmpdir(), 'wharf-bb-'));
  try {
    for (const name of ['bin', 'etc', 'root', 'home', 'var/run', 'usr/bin', 'tmp'])
      mkdirSync(join(dir, name), { recursive: true });
    copyFileSync('/bin/busybox', join(dir, 'bin/busybox'));
    for (const applet of execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n')) {
      if (applet && applet !== 'busybox') symlinkSync('busybox', join(dir, 'bin', applet));
    }
    writeFileSync(join(dir, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/home:/bin/sh\n');
    writeFileSync(join(dir, 'etc/group'), 'root:x:0:\napp:x:1000:\nwheel:x:10:app\n');
    execFileSync('chmod', ['1777', join(dir, 'tmp')]);
    execFileSync('tar', [
      '-C',
      dir,
      '--owner=0',
      '--group=0',
      '--numeric-owner',
      '-cf',
      join(dir, '../', 'wharf-bb.tar'),
      '.',
    ]);
    cached = readFileSync(join(dir, '../wharf-bb.tar'));
    rmSync(join(dir, '../wharf-bb.tar'));
    return cached;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Gives the daemon an image `busybox:latest` with `sh` as its command. */
export async function importBusybox(daemon: TestDaemon, name = 'busybox:latest'): Promise<string> {
  const result = await daemon.docker(['import', '-c', 'CMD ["sh"]', '-c', 'ENV PATH=/bin:/usr/bin', '-', name], {
    input: busyboxTar(),
  });
  if (result.code !== 0) throw new Error(`import failed: ${result.stderr}`);
  return result.stdout.trim();
}
