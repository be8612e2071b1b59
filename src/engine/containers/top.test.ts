import { describe, expect, it } from 'vitest';
import { parsePs, psArguments } from './top.js';

describe('psArguments', () => {
  it.each([
    ['', ['-ef']],
    ['aux', ['aux']],
    ['-o pid,cmd', ['-o', 'pid,cmd']],
    ['-o pid=PID', ['-o', 'pid=PID']],
    // What ps then says of it is dockerd's answer too.
    ['-ef ', ['-ef', '']],
    ['-o "pid"', ['-o', '"pid"']],
  ])('%j is %j', (text, args) => expect(psArguments(text)).toEqual(args));

  it.each([
    ['-o user=PID', 'specifying "user=PID" is not allowed'],
    ['-o user,pid=PID,pid', 'specifying "user,pid=PID,pid" is not allowed'],
    ['-e -o ppid= PIDs', 'specifying "ppid=PIDs" is not allowed'],
  ])('refuses %j', (text, message) => expect(() => psArguments(text)).toThrow(message));
});

describe('parsePs', () => {
  const OUTPUT = 'UID   PID CMD\nroot   1 init\nroot  42 sh -c  echo  x\napp   43 sleep 1\n';

  it('keeps the rows of the container, the command in one piece', () => {
    expect(parsePs(OUTPUT, new Set([42, 43]))).toEqual({
      titles: ['UID', 'PID', 'CMD'],
      processes: [
        ['root', '42', 'sh -c echo x'],
        ['app', '43', 'sleep 1'],
      ],
    });
  });

  it('needs the column of pids', () => {
    expect(() => parsePs('CMD\ninit\n', new Set([1]))).toThrow("Couldn't find PID field in ps output");
  });
});
