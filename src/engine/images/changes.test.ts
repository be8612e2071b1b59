import { expect, it } from 'vitest';
import { applyChanges } from './changes.js';
import { EMPTY_RUN_CONFIG } from './image-config.js';
import type { ImageRunConfig } from './image.js';

it.each<[string, Partial<ImageRunConfig>]>([
  ['CMD ["a", "b"]', { cmd: ['a', 'b'] }],
  ['cmd a b', { cmd: ['/bin/sh', '-c', 'a b'] }],
  ['CMD', { cmd: [] }],
  ['ENTRYPOINT ["a"]', { entrypoint: ['a'] }],
  ['ENTRYPOINT a', { entrypoint: ['/bin/sh', '-c', 'a'] }],
  ['ENV a=b c="d e" f=g\\ h', { env: ['a=b', 'c=d e', 'f=g h'] }],
  ['ENV a b c', { env: ['a=b c'] }],
  ['ENV a=1\nENV a=2', { env: ['a=2'] }],
  ['EXPOSE 80 90/udp 100-101', { exposedPorts: ['100/tcp', '101/tcp', '80/tcp', '90/udp'] }],
  ["LABEL x='y z' q=", { labels: { x: 'y z', q: '' } }],
  ['USER app', { user: 'app' }],
  ['VOLUME /a /b', { volumes: ['/a', '/b'] }],
  ['VOLUME ["/a b"]', { volumes: ['/a b'] }],
  ['WORKDIR w\nWORKDIR ../x/', { workingDir: '/x' }],
  ['STOPSIGNAL 9', { stopSignal: '9' }],
  ['STOPSIGNAL SIGTERM', { stopSignal: 'SIGTERM' }],
  ['ONBUILD RUN x', { onBuild: ['RUN x'] }],
  [
    'HEALTHCHECK --interval=5s --retries=3 CMD true x',
    {
      healthcheck: {
        test: ['CMD-SHELL', 'true x'],
        intervalNs: 5e9,
        timeoutNs: 0,
        startPeriodNs: 0,
        startIntervalNs: 0,
        retries: 3,
      },
    },
  ],
])('%s', (change, expected) => {
  expect(applyChanges(EMPTY_RUN_CONFIG, [change])).toEqual({ ...EMPTY_RUN_CONFIG, ...expected });
});

it.each([
  ['RUN x', 'RUN is not a valid change command'],
  ['BOGUS x', 'BOGUS is not a valid change command'],
  ['EXPOSE abc', 'Invalid containerPort: abc'],
  ['STOPSIGNAL zz', 'invalid signal: zz'],
  ['ENV', 'ENV requires at least one argument'],
  ['ENV a', 'ENV must have two arguments'],
  ['ENV a=b c', `Syntax error - can't find = in "c". Must be of the form: name=value`],
  ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
  ['ONBUILD FROM x', "FROM isn't allowed as an ONBUILD trigger"],
])('refuses %s', (change, message) => {
  expect(() => applyChanges(EMPTY_RUN_CONFIG, [change])).toThrow(expect.objectContaining({ kind: 'invalid', message }));
});

it('does not touch what it is given', () => {
  const base = { ...EMPTY_RUN_CONFIG, env: ['a=1'] };
  applyChanges(base, ['ENV a=2']);
  expect(base.env).toEqual(['a=1']);
});
