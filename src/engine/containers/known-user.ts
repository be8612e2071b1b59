import type { Container } from './container.js';
import type { ContainersContext } from './containers-context.js';
import type { SpecFacts } from './spec-request.js';

/** Who the users of containers are into whose roots nobody has written: their images alone tell, so the last answer is good for the next alike. */
export class KnownUser {
  private key = '';
  private user: SpecFacts['user'] | null = null;

  /** As the runtime is told. Throws as `resolveUser` does. */
  of(ctx: ContainersContext, { config, hostConfig, graphDriver }: Container, rootfs: string): SpecFacts['user'] {
    // The layers' directories bear the names of what is in them.
    const key = JSON.stringify([graphDriver.data['LowerDir'], config.user, hostConfig.groupAdd]);
    if (this.user && key === this.key) return this.user;
    const user = ctx.deps.oci.resolveUser(rootfs, config.user, hostConfig.groupAdd);
    this.user = user;
    this.key = key;
    return user;
  }
}
