import type { Container, ContainerSize, ContainerSummary, PublishedPort } from './container.js';

/** A row of the list. What the container alone decides is made when it is asked for: who keeps rows has it already. */
export class SummaryRow implements ContainerSummary {
  constructor(
    readonly container: Container,
    readonly names: string[],
    readonly statusText: string,
    readonly image: string,
    readonly size: ContainerSize | null,
  ) {}

  get command(): string {
    const { path, args } = this.container;
    return [path, ...args.map(quoted)].join(' ');
  }

  get ports(): PublishedPort[] {
    return Object.entries(this.container.network.ports).flatMap(([key, bindings]) => {
      const [port = '', proto = 'tcp'] = key.split('/');
      const base = { containerPort: Number(port), proto: proto as PublishedPort['proto'] };
      if (!Number.isInteger(base.containerPort)) return [];
      if (!bindings || bindings.length === 0) return [{ ...base, hostIp: '', hostPort: 0 }];
      return bindings.map(({ hostIp, hostPort }) => ({ ...base, hostIp, hostPort: Number(hostPort) }));
    });
  }

  withSize(size: ContainerSize): ContainerSummary {
    return new SummaryRow(this.container, this.names, this.statusText, this.image, size);
  }
}

/** dockerd quotes arguments with a space in them, and nothing more. */
function quoted(argument: string): string {
  return argument.includes(' ') ? `'${argument}'` : argument;
}
