import { describe, expect, it } from 'vitest';
import { applyGates } from '../compat/apply-gates.js';
import { UPDATE_CONTAINER_REQUEST } from '../compat/update-container.js';
import type { ApiVersion } from '../http/api-version.js';
import { decodeJson } from '../http/decode-json.js';
import { toUpdateContainerRequest, UpdateContainerSchema } from './update-container.js';

function updated(body: Record<string, unknown>, version: ApiVersion = [1, 55]) {
  applyGates(UPDATE_CONTAINER_REQUEST, version, body);
  return toUpdateContainerRequest(decodeJson(UpdateContainerSchema, body));
}

describe('update', () => {
  it('passes only what was asked for on, of the many zeros that the CLI sends', () => {
    const body = { CpuShares: 0, Memory: 7, CpusetCpus: '', Devices: [], RestartPolicy: { Name: '' }, PidsLimit: null };
    expect(updated(body)).toEqual({ resources: { memoryBytes: 7 }, restartPolicy: null });
  });

  it('passes a pids limit of zero and emptied device lists on', () => {
    expect(updated({ PidsLimit: 0, BlkioDeviceReadBps: [] }).resources).toEqual({
      pidsLimit: 0,
      blkioDeviceReadBps: [],
    });
  });

  it('takes a restart policy', () => {
    expect(updated({ RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } }).restartPolicy).toEqual({
      name: 'on-failure',
      maximumRetryCount: 2,
    });
  });

  it('ignores what a version does not have', () => {
    expect(updated({ PidsLimit: 5 }, [1, 39]).resources).toEqual({});
    expect(updated({ KernelMemory: 5 }, [1, 41]).resources).toEqual({ kernelMemoryBytes: 5 });
    expect(updated({ KernelMemory: 5 }, [1, 42]).resources).toEqual({});
    expect(updated({ BlkioDeviceReadBps: [{ Path: '/dev/a', Rate: 1 }] }, [1, 54]).resources).toEqual({});
    expect(updated({ BlkioDeviceReadBps: [{ Path: '/dev/a', Rate: 1 }] }, [1, 55]).resources).toEqual({
      blkioDeviceReadBps: [{ path: '/dev/a', rate: 1 }],
    });
  });
});
