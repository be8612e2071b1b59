import fc from 'fast-check';
import { expect, it } from 'vitest';
import { containerFromInspect, recording } from '../../../test/support/recorded-container.js';
import type { Container, ContainerSummary } from '../../engine/containers/container.js';
import type { ApiVersion } from '../http/api-version.js';
import { containerRows } from './container-rows.js';

const containers: Container[] = ['cli', 'rich', 'privileged'].map((name) =>
  containerFromInspect(recording(`inspect-${name}-v1.51.json`)),
);

function summaryOf(container: Container, part: Partial<ContainerSummary>): ContainerSummary {
  return { container, names: ['/a'], statusText: 'Up', image: 'i', command: 'sh', ports: [], size: null, ...part };
}

/** The same of containers that nobody has seen, so that nothing can be kept of them. */
const afresh = (summaries: ContainerSummary[], version: ApiVersion): string =>
  containerRows(
    summaries.map((summary) => ({ ...summary, container: structuredClone(summary.container) })),
    version,
  );

it('are those that would be made anew, whatever was shown before', () => {
  const summary = fc
    .record({
      container: fc.constantFrom(...containers),
      names: fc.constantFrom<string[]>(['/a'], ['/b'], ['/a', '/b'], ['/b/x', '/a']),
      statusText: fc.constantFrom('Up 1 second', 'Up 2 seconds', 'Exited (0) 1 second ago', 'ü'),
      image: fc.constantFrom('busybox', 'sha256:0'),
      size: fc.constantFrom(null, null, { rwBytes: 1, rootFsBytes: 2 }),
    })
    .map(({ container, ...part }) => summaryOf(container, part));
  const version = fc.constantFrom<ApiVersion>([1, 44], [1, 46], [1, 51], [1, 52], [1, 55]);
  const shown = fc.array(fc.tuple(fc.array(summary, { maxLength: 4 }), version), { maxLength: 12 });
  fc.assert(
    fc.property(shown, (answers) => {
      for (const [summaries, asked] of answers) expect(containerRows(summaries, asked)).toBe(afresh(summaries, asked));
    }),
  );
});

it('are kept while nothing changes, and made for a container that has taken the place of another', () => {
  let made = 0;
  const counting = (container: Container): ContainerSummary =>
    Object.defineProperty(summaryOf(container, {}), 'ports', { get: () => (made++, []) });
  const before = containerFromInspect(recording('inspect-cli-v1.51.json'));
  const text = containerRows([counting(before)], [1, 51]);
  expect(containerRows([counting(before)], [1, 51])).toBe(text);
  expect(made).toBe(1);
  const after = { ...before, state: { ...before.state, status: 'paused' as const } };
  expect(JSON.parse(containerRows([counting(after)], [1, 51]))[0].State).toBe('paused');
  expect(made).toBe(2);
});

it('end in a line, and are an empty list for none', () => {
  expect(containerRows([], [1, 51])).toBe('[]\n');
});
