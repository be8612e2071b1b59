import { expect, it } from 'vitest';
import { createLogger } from './create-logger.js';

function lines(
  format: 'text' | 'json',
  use: (logger: ReturnType<typeof createLogger>) => void,
  level = 'info',
): string[] {
  const written: string[] = [];
  use(createLogger({ level, format }, (line) => written.push(line)));
  return written;
}

it('writes text as dockerd does', () => {
  const [line] = lines('text', (log) => log.child({ part: 'api' }).warn({ port: 80, path: '/a b' }, 'some "words"'));
  expect(line).toMatch(/^time="\d{4}-[^"]+Z" level=warning msg="some \\"words\\"" part=api port=80 path="\/a b"\n$/);
});

it('writes the message of an error, and the place of a bug', () => {
  const [known, bug] = lines('text', (log) => {
    log.error({ err: new Error('no space') }, 'x');
    log.error({ err: new TypeError('undefined is not a function') }, 'x');
  });
  expect(known).toContain('error="no space"\n');
  expect(bug).toContain('stack="TypeError: ');
});

it('writes JSON', () => {
  const [line] = lines('json', (log) => log.info({ a: 1 }, 'hello'));
  expect(JSON.parse(line ?? '')).toMatchObject({ level: 'info', msg: 'hello', a: 1 });
});

it('changes the level of children too', () => {
  const written = lines('text', (log) => {
    const child = log.child({});
    child.debug('hidden');
    log.setLevel('debug');
    child.debug('shown');
    log.setLevel('warning');
    child.info('hidden');
  });
  expect(written).toHaveLength(1);
  expect(written[0]).toContain('msg="shown"');
});
