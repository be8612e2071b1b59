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
  ['STOPSIGNAL 99', { stopSignal: '99' }],
  ['ONBUILD RUN $x', { onBuild: ['RUN $x'] }],
  ['EXPOSE 0 8080:80', { exposedPorts: ['0/tcp', '80/tcp'] }],
  ['USER a b', { user: 'a b' }],
  ['ENV a=1 \\\n# comment\n\n  b=2 \\ \nc=3', { env: ['a=1', 'b=2', 'c=3'] }],
  ['#escape=`\nENV a=1 `\n b=2', { env: ['a=1', 'b=2'] }],
  ['ENV a=b\\', { env: ['a=b'] }],
  ['CMD a \\\n  b', { cmd: ['/bin/sh', '-c', 'a   b'] }],
  ['CMD ["a"\nENTRYPOINT ["b"]', { cmd: ['/bin/sh', '-c', '["a"'], entrypoint: ['b'] }],
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
  ['', 'file with no instructions'],
  ['  \n# c', 'file with no instructions'],
  ['USER --x=1 a', 'unknown flag: --x'],
  ['CMD --x=1', 'unknown flag: --x'],
  ['VOLUME ["a",1]', 'when using JSON array syntax, arrays must be comprised of strings only'],
  ['ENV a="x', 'failed to process "\\"x": unexpected end of statement while looking for matching double-quote'],
  ['EXPOSE 70-60', 'Invalid containerPort: 70-60'],
  ['STOPSIGNAL 0', 'invalid signal: 0'],
  ['WORKDIR $no', 'cannot normalize nothing'],
  ['HEALTHCHECK', 'HEALTHCHECK requires at least one argument'],
  ['HEALTHCHECK --bad=1 CMD x', 'unknown flag: --bad'],
  ['HEALTHCHECK --interval CMD x', 'missing a value on flag: --interval'],
  ['HEALTHCHECK --interval=1s --interval=2s CMD x', 'duplicate flag specified: --interval'],
  ['HEALTHCHECK --retries=x CMD x', 'strconv.ParseInt: parsing "x": invalid syntax'],
  ['HEALTHCHECK --retries=-1 CMD x', '--retries cannot be negative (-1)'],
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

const WITH_VARIABLES: ImageRunConfig = { ...EMPTY_RUN_CONFIG, env: ['E=80', 'F=a b'], cmd: ['old'], workingDir: '/w' };

it.each<[string, Partial<ImageRunConfig>]>([
  ['ENV x=$E y=${E}1 z=\\$E', { env: ['E=80', 'F=a b', 'x=80', 'y=801', 'z=$E'] }],
  ['ENV p=1\nENV q=$p', { env: ['E=80', 'F=a b', 'p=1', 'q=1'] }],
  ['ENV p=1 q=$p', { env: ['E=80', 'F=a b', 'p=1', 'q='] }],
  ['ENV a $F b', { env: ['E=80', 'F=a b', 'a=a b b'] }],
  ['EXPOSE $E/udp ${E}1', { exposedPorts: ['80/udp', '801/tcp'] }],
  [`LABEL q=$F r="$F" s='$F'`, { labels: { q: 'a b', r: 'a b', s: '$F' } }],
  ['USER $E', { user: '80' }],
  ['VOLUME /v$E', { volumes: ['/v80'] }],
  ['WORKDIR x$E', { workingDir: '/w/x80' }],
  ['STOPSIGNAL $E', { stopSignal: '80' }],
  ['CMD echo $E', { cmd: ['/bin/sh', '-c', 'echo $E'] }],
  ['ENTRYPOINT ["$E"]', { entrypoint: ['$E'], cmd: null }],
])('puts variables into %s, where Dockerfiles have them', (change, expected) => {
  expect(applyChanges(WITH_VARIABLES, [change])).toEqual({ ...WITH_VARIABLES, ...expected });
});

it('takes changes that were given apart as one text', () => {
  expect(applyChanges(EMPTY_RUN_CONFIG, ['ENV a=1 \\', 'b=2']).env).toEqual(['a=1', 'b=2']);
  expect(applyChanges(WITH_VARIABLES, [])).toEqual(WITH_VARIABLES);
});
