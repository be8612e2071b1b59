import { expect, it } from 'vitest';
import { takesJoinedFrames } from './frames-of-logs.js';

it.each([
  ['Docker-Client/28.2.2 (linux)', true],
  ['docker-sdk-python/5.0.3', false],
  ['My-Docker-Client/1', false],
  ['curl/8', false],
  [undefined, false],
])('tells whether lines may share frames for %s', (agent, expected) => {
  expect(takesJoinedFrames(agent)).toBe(expected);
});
