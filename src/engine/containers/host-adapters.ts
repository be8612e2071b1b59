import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { CgroupLayout } from '../../host/cgroup/cgroup-layout.js';
import { resourceSupport } from '../../host/cgroup/resource-support.js';
import { listChanges } from '../../host/archive/list-changes.js';
import { buildRuntimeSpec } from '../../host/oci/build-spec.js';
import { runtimeProcess } from '../../host/oci/runtime-process.js';
import { resolveUser } from '../../host/oci/resolve-user.js';
import type { RuntimeRegistry } from '../../host/oci/runtimes.js';
import { graphDriverData, type Snapshots } from '../../host/overlay/snapshots.js';
import { attachToShim } from '../../host/shim/attach.js';
import { ShimAttachment } from '../../host/shim/attachment.js';
import { readExitRecord, writeExitRecord } from '../../host/shim/exit-record.js';
import { launchShim } from '../../host/shim/launch.js';
import { SealedBinary } from '../../host/shim/sealed-binary.js';
import { ShimClient } from '../../host/shim/shim-client.js';
import { hasCode } from '../../shared/errors.js';
import type { Logger } from '../../shared/logger.js';
import type { OciPort, SnapshotPort } from './containers-deps.js';
import type { ShimPort } from './shim-port.js';
import type { HostCapacity } from './validate-resources.js';

/** The snapshots as containers use them. `imageSizeBytes` tells how large an image's layers are, for the size of the whole. */
export function snapshotPort(snapshots: Snapshots, imageSizeBytes: (containerId: string) => number): SnapshotPort {
  return {
    create: (id, chainIds, options) => ({
      name: 'overlay2',
      data: { ...graphDriverData(snapshots.create(id, [...chainIds], options)) },
    }),
    prepare: (id, chainIds, options) => snapshots.prepare(id, [...chainIds], options),
    mount: (id, options) => snapshots.mounted(id) ?? snapshots.mount(id, options),
    unmount: (id) => snapshots.unmount(id),
    unmountAside: (id) => snapshots.unmountAside(id),
    remove: (id, directory) => snapshots.remove(id, directory),
    canGoLater: (directory) => snapshots.canGoLater(directory),
    mountReadOnly: (chainIds, target) => snapshots.mountReadOnlyView([...chainIds], target),
    diskUsage: async (id) => {
      const rwBytes = await snapshots.sizeRwBytes(id);
      return { rwBytes, rootFsBytes: rwBytes + imageSizeBytes(id) };
    },
    exists: (id) => snapshots.exists(id),
    list: () => snapshots.ids(),
    upper: (id) => snapshots.get(id).upper,
    changes: (id) => {
      const { upper, lowers } = snapshots.get(id);
      return listChanges(upper, lowers);
    },
  };
}

/** The real shims; `binary` is the path of wharf-shim. */
export function shimPort(binary: string, log: Logger): ShimPort {
  const sealed = new SealedBinary(binary, log);
  return {
    launch: (options) => {
      const { process } = options;
      if (!('plan' in process) || !process.plan) return launchShim({ binary, ...options });
      const { executable } = sealed;
      if (executable !== null) return launchShim({ ...options, binary, executable });
      return launchShim({ ...options, binary, process: { execProcess: process.execProcess } });
    },
    connect: (socketPath) => ShimClient.connect(socketPath),
    attach: attachToShim,
    hold: (socketPath, streams) => ShimAttachment.open(socketPath, streams),
    readExitRecord,
    writeExitRecord,
  };
}

/** The real OCI side. The runtimes are asked for anew each time, since a reload of the configuration may change them. */
export function ociPort(runtimes: () => RuntimeRegistry): OciPort {
  return {
    get runtimes() {
      return runtimes();
    },
    buildSpec: buildRuntimeSpec,
    execProcess: runtimeProcess,
    resolveUser,
  };
}

/** What this machine has. */
export function hostCapacity(cgroups: CgroupLayout, log: Logger): HostCapacity {
  return { cpus: availableParallelism(), memoryNodes: countMemoryNodes(log), supports: resourceSupport(cgroups) };
}

/** A kernel without NUMA has one, and no folder for it. */
function countMemoryNodes(log: Logger): number {
  try {
    return Math.max(1, readdirSync('/sys/devices/system/node').filter((name) => /^node\d+$/.test(name)).length);
  } catch (err) {
    if (!hasCode(err, 'ENOENT')) log.warn({ err }, 'cannot count the memory nodes: one is taken for granted');
    return 1;
  }
}
