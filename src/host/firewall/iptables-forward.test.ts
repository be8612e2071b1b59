import { beforeEach, expect, it, vi } from 'vitest';
import { silentLogger } from '../../shared/logger.js';
import { systemError } from '../sys/libc.js';
import { legacyFingerprint, openIptablesForward } from './iptables-forward.js';

const { readLegacyFilter, runCommand } = vi.hoisted(() => ({ readLegacyFilter: vi.fn(), runCommand: vi.fn() }));
vi.mock('./legacy-filter.js', () => ({ readLegacyFilter }));
vi.mock('./nftables-state.js', () => ({ findChain: () => null }));
vi.mock('./run-command.js', () => ({ runCommand }));

beforeEach(() => vi.clearAllMocks());

const open = (): Promise<boolean> => openIptablesForward(null as never, ['docker0'], silentLogger);

it('asks iptables where the kernel does not say what its legacy tables hold', async () => {
  readLegacyFilter.mockImplementation(() => {
    throw systemError(1, 'getsockopt');
  });
  runCommand.mockResolvedValue('-P FORWARD ACCEPT\n');
  expect(await open()).toBe(false);
  expect(runCommand.mock.calls.map(([command]: unknown[]) => command)).toEqual(['iptables-legacy', 'ip6tables-legacy']);
  expect(legacyFingerprint()).toBe('unreadable unreadable');
});

it('runs no program where the kernel says that there is nothing to do', async () => {
  readLegacyFilter.mockReturnValue({ drops: false, hasChain: false, fingerprint: 'a' });
  expect(await open()).toBe(false);
  expect(runCommand).not.toHaveBeenCalled();
  expect(legacyFingerprint()).toBe('a a');
});
