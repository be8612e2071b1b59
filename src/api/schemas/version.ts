import type { EngineVersion } from '../../engine/system/system-service.js';
import { type ApiVersion, formatVersion, MIN_API_VERSION } from '../http/api-version.js';

/** The body of `GET /version`; `newest` is the API version to name. */
export function fromEngineVersion(version: EngineVersion, newest: ApiVersion) {
  const facts = {
    Version: version.version,
    ApiVersion: formatVersion(newest),
    MinAPIVersion: formatVersion(MIN_API_VERSION),
    GitCommit: version.gitCommit,
    GoVersion: version.goVersion,
    Os: version.os,
    Arch: version.arch,
    KernelVersion: version.kernelVersion,
    Experimental: version.experimental || undefined,
    BuildTime: version.buildTime,
  };
  return {
    Platform: { Name: version.platformName },
    Components: [
      {
        Name: 'Engine',
        Version: version.version,
        Details: {
          ApiVersion: facts.ApiVersion,
          Arch: facts.Arch,
          BuildTime: facts.BuildTime,
          Experimental: String(version.experimental),
          GitCommit: facts.GitCommit,
          GoVersion: facts.GoVersion,
          KernelVersion: facts.KernelVersion,
          MinAPIVersion: facts.MinAPIVersion,
          Os: facts.Os,
        },
      },
      ...version.components
        .filter(({ name }) => name !== 'Engine')
        .map(({ name, version: own, details }) => ({ Name: name, Version: own, Details: details })),
    ],
    ...facts,
  };
}
