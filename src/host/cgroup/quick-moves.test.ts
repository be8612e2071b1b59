import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Logger } from '../../shared/logger.js';
import { cgroupsOfProcess, type CgroupLayout } from './cgroup-layout.js';
import { QuickMoves } from './quick-moves.js';

const debug = vi.fn();
const log = { debug } as unknown as Logger;
let mount: string;

beforeEach(() => {
  mount = mkdtempSync(join(tmpdir(), 'wharf-moves-'));
  debug.mockClear();
});
afterEach(() => rmSync(mount, { recursive: true }));

/** A hierarchy that is a plain directory, with this process in its root. */
function layout(): CgroupLayout {
  const [controller = ''] = [...cgroupsOfProcess(process.pid)].find(([, path]) => path === '/') ?? [];
  return controller === ''
    ? { version: 2, controllerMounts: new Map(), unifiedMount: mount, controllers: new Set() }
    : {
        version: 1,
        controllerMounts: new Map([[controller, mount]]),
        unifiedMount: null,
        controllers: new Set([controller]),
      };
}

/** The empty file that moves of this process are written to. */
function movesFile(): string {
  const [controller = ''] = layout().controllerMounts.keys();
  const group = join(mount, cgroupsOfProcess(process.pid).get(controller) ?? '/');
  mkdirSync(group, { recursive: true });
  const file = join(group, 'cgroup.procs');
  writeFileSync(file, '');
  return file;
}

describe('QuickMoves', () => {
  it('moves this process to where it is for as long as there is work', async () => {
    const file = movesFile();
    const moves = new QuickMoves(layout(), log);
    const written = async (): Promise<void> => {
      while (readFileSync(file, 'utf8').length < 3) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    expect(await Promise.all([moves.during(written), moves.during(() => Promise.resolve('done'))])).toEqual([
      undefined,
      'done',
    ]);
    await moves[Symbol.asyncDispose]();
    expect(readFileSync(file, 'utf8')).toMatch(/^0{3,}$/);
    expect(debug).not.toHaveBeenCalled();
  });

  it('moves it while a start is expected', async () => {
    const file = movesFile();
    const moves = new QuickMoves(layout(), log);
    moves.expectStart();
    await vi.waitFor(() => expect(readFileSync(file, 'utf8')).toMatch(/^0+$/));
    await moves[Symbol.asyncDispose]();
    expect(debug).not.toHaveBeenCalled();
  });

  it('does the work where groups can not be written, and passes its errors on', async () => {
    const moves = new QuickMoves(layout(), log);
    rmSync(mount, { recursive: true });
    await expect(moves.during(() => Promise.reject(new Error('of the work')))).rejects.toThrow('of the work');
    await moves[Symbol.asyncDispose]();
    expect(debug).toHaveBeenCalledOnce();
    mount = mkdtempSync(join(tmpdir(), 'wharf-moves-'));
  });
});
