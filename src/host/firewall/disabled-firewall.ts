import { hasCode } from '../../shared/errors.js';
import type { Firewall } from './firewall.js';
import { closeIptablesForward } from './iptables-forward.js';
import { renderTeardown } from './nftables-ruleset.js';
import { runCommand } from './run-command.js';

/**
 * `--iptables=false`: the administrator does it all. What a daemon with a firewall left is removed at the first `sync`; ports
 * are served by the daemon itself, or lead nowhere without a userland proxy.
 */
export class DisabledFirewall implements Firewall {
  readonly backend = 'none';
  private cleaned = false;

  async sync(): Promise<void> {
    if (!this.cleaned) await this.teardown();
    this.cleaned = true;
  }

  async addBridge(): Promise<void> {}
  async removeBridge(): Promise<void> {}
  async publish(): Promise<void> {}
  async unpublish(): Promise<void> {}
  async isIntact(): Promise<boolean> {
    return true;
  }

  async teardown(): Promise<void> {
    try {
      await runCommand('nft', ['-f', '-'], renderTeardown());
      await closeIptablesForward();
    } catch (error) {
      // Without nft there was no firewall of ours.
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
}
