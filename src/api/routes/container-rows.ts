import type { Container, ContainerSummary } from '../../engine/containers/container.js';
import { applyGates } from '../compat/apply-gates.js';
import { CONTAINER_LIST_RESPONSE } from '../compat/container-list.js';
import type { ApiVersion } from '../http/api-version.js';
import { compareVersions } from '../http/api-version.js';
import { fromContainerSummary } from '../schemas/container-summary.js';

/** A row's text, and all that it was made of beside the container. */
interface KeptRow {
  readonly summary: ContainerSummary;
  readonly version: ApiVersion;
  readonly text: string;
}

/**
 * The last text of each container's row. Containers are replaced and never changed, so that a text is right as long as the same container,
 * with the same names, status text and image, is shown to a client of the same version (decision 60).
 */
const kept = new WeakMap<Container, KeptRow>();

/** The answer of `GET /containers/json`. */
export function containerRows(summaries: readonly ContainerSummary[], version: ApiVersion): string {
  return `[${summaries.map((summary) => rowText(summary, version)).join(',')}]\n`;
}

function rowText(summary: ContainerSummary, version: ApiVersion): string {
  const last = kept.get(summary.container);
  if (last && isSame(last.summary, summary) && compareVersions(last.version, version) === 0) return last.text;
  const row = fromContainerSummary(summary);
  applyGates(CONTAINER_LIST_RESPONSE, version, [row]);
  const text = JSON.stringify(row);
  if (summary.size === null) kept.set(summary.container, { summary, version, text });
  return text;
}

/** Of one container; whatever else a summary has is made of that. */
function isSame(shown: ContainerSummary, { names, statusText, image, size }: ContainerSummary): boolean {
  return (
    size === null &&
    shown.statusText === statusText &&
    shown.image === image &&
    shown.names.length === names.length &&
    shown.names.every((name, index) => name === names[index])
  );
}
