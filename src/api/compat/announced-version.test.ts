import { expect, it } from 'vitest';
import { MAX_API_VERSION } from '../http/api-version.js';
import { announcedVersion } from './announced-version.js';

it.each([
  ['docker-compose/1.29.2 docker-py/5.0.3 Linux/6.1', [1, 44]],
  ['docker-compose/1.25.0 docker-py/4.1.0 Linux/6.1', [1, 44]],
  ['docker-sdk-python/5.0.3', MAX_API_VERSION],
  ['compose/v2.40.3', MAX_API_VERSION],
  ['Docker-Client/28.2.2 (linux)', MAX_API_VERSION],
  [undefined, MAX_API_VERSION],
])('%s is told of %j', (agent, version) => {
  expect(announcedVersion(agent)).toEqual(version);
});
