import { invalid } from '../../shared/errors.js';
import type { Container } from './container.js';

/**
 * The test for the filters `publish` (ports of the host) and `expose` (of the container), which need not both match; null when neither
 * is given. A container that does not run has no ports. Throws dockerd's words. Source: tried on dockerd 28.5.
 */
export function portsTest(
  publish: readonly string[],
  expose: readonly string[],
): ((container: Container) => boolean) | null {
  if (publish.length === 0 && expose.length === 0) return null;
  const published = new Set(publish.flatMap((value) => expandPorts('publish', value)));
  const exposed = new Set(expose.flatMap((value) => expandPorts('expose', value)));
  return (container) =>
    container.state.running &&
    (hostPorts(container).some((port) => published.has(port)) ||
      containerPorts(container).some((port) => exposed.has(port)));
}

function hostPorts({ network }: Container): string[] {
  return Object.entries(network.ports).flatMap(([port, bindings]) =>
    (bindings ?? []).map(({ hostPort }) => `${hostPort}/${port.split('/')[1] ?? 'tcp'}`),
  );
}

function containerPorts({ config, network }: Container): string[] {
  return [...config.exposedPorts, ...Object.keys(network.ports)];
}

/** `80`, `80/udp`, `80-90/tcp`. */
function expandPorts(key: string, value: string): string[] {
  if (value.includes(':')) throw invalid(`filter for '${key}' should not contain ':': ${value}`);
  const [range = '', proto = 'tcp'] = value.split('/');
  const [first = '', last = first] = range.split('-');
  const fault = range === '' ? 'Empty string specified for ports.' : (portFault(first) ?? portFault(last));
  if (fault !== null) throw invalid(`error while looking up for ${key} ${value}: ${fault}`);
  if (Number(first) > Number(last)) {
    throw invalid(`error while looking up for ${key} ${value}: Invalid range specified for the Port: ${range}`);
  }
  const ports: string[] = [];
  for (let port = Number(first); port <= Number(last); port++) ports.push(`${port}/${proto}`);
  return ports;
}

function portFault(text: string): string | null {
  if (!/^\d+$/.test(text)) return `strconv.ParseUint: parsing "${text}": invalid syntax`;
  return Number(text) > 65_535 ? `strconv.ParseUint: parsing "${text}": value out of range` : null;
}
