import { statSync } from 'node:fs';
import { errorMessage, invalid } from '../../shared/errors.js';
import type { CdiDeviceNode, CdiEdits, CdiHook } from '../cdi/cdi-spec.js';
import { majorOf, minorOf } from './devices.js';
import type { RuntimeDevice, RuntimeHook, RuntimeSpec } from './runtime-spec.js';

/**
 * The specification with what CDI devices add to it: variables (in place of those of the same name), device nodes with their rules, mounts, hooks
 * and groups. Changes the given one. Throws invalid for a node that is no device of the host.
 */
export function applyCdi(spec: RuntimeSpec, edits: readonly CdiEdits[]): RuntimeSpec {
  for (const edit of edits) {
    for (const entry of edit.env ?? []) setEnv(spec.process.env, entry);
    for (const node of edit.deviceNodes ?? []) addDevice(spec, node);
    for (const { hostPath, containerPath, type, options } of edit.mounts ?? []) {
      spec.mounts = spec.mounts.filter(({ destination }) => destination !== containerPath);
      spec.mounts.push({
        destination: containerPath,
        type: type || 'bind',
        source: hostPath,
        options: options?.length ? options : ['rbind'],
      });
    }
    for (const hook of edit.hooks ?? []) addHook(spec, hook);
    addGroups(spec, edit.additionalGids ?? []);
    if (edit.intelRdt) spec.linux.intelRdt = edit.intelRdt;
    for (const { hostInterfaceName, name } of edit.netDevices ?? []) {
      (spec.linux.netDevices ??= {})[hostInterfaceName] = { name };
    }
  }
  return spec;
}

function setEnv(env: string[], entry: string): void {
  const name = entry.slice(0, entry.indexOf('=') + 1);
  const index = env.findIndex((known) => known.startsWith(name));
  if (index < 0) env.push(entry);
  else env[index] = entry;
}

function addDevice(spec: RuntimeSpec, node: CdiDeviceNode): void {
  const device = deviceOf(node, spec.process.user);
  const devices = (spec.linux.devices ?? []).filter(({ path }) => path !== device.path);
  spec.linux.devices = [...devices, device];
  if (device.type === 'p') return;
  (spec.linux.resources.devices ??= []).push({
    allow: true,
    type: device.type,
    major: device.major,
    minor: device.minor,
    access: node.permissions || 'rwm',
  });
}

/** What the file does not say is as on the host; who runs in the container owns it where neither file nor root does. */
function deviceOf(node: CdiDeviceNode, user: { uid: number; gid: number }): RuntimeDevice {
  const known = node.type && (node.type === 'p' || node.major) ? null : hostDevice(node.hostPath || node.path);
  return {
    path: node.path,
    type: (node.type === 'u' ? 'c' : (node.type ?? known?.type ?? 'c')) as RuntimeDevice['type'],
    major: node.major || (known?.major ?? 0),
    minor: node.major ? (node.minor ?? 0) : (node.minor ?? known?.minor ?? 0),
    fileMode: node.fileMode ?? known?.fileMode ?? 0o666,
    uid: node.uid ?? user.uid,
    gid: node.gid ?? user.gid,
  };
}

function hostDevice(path: string): Pick<RuntimeDevice, 'type' | 'major' | 'minor' | 'fileMode'> {
  try {
    const stats = statSync(path);
    const type = stats.isBlockDevice() ? 'b' : stats.isCharacterDevice() ? 'c' : stats.isFIFO() ? 'p' : null;
    if (type === null) throw new Error('not a device node');
    return { type, major: majorOf(stats.rdev), minor: minorOf(stats.rdev), fileMode: stats.mode & 0o777 };
  } catch (error) {
    throw invalid(
      `CDI device injection failed: failed to fill device info for "${path}": ${errorMessage(error)}`,
      error,
    );
  }
}

function addHook(spec: RuntimeSpec, { hookName, path, args, env, timeout }: CdiHook): void {
  const hook: RuntimeHook = {
    path,
    ...(args?.length && { args }),
    ...(env?.length && { env }),
    ...(timeout && { timeout }),
  };
  ((spec.hooks ??= {})[hookName] ??= []).push(hook);
}

function addGroups({ process: { user } }: RuntimeSpec, gids: readonly number[]): void {
  // Group 0 would be a right that no device gives.
  const wanted = gids.filter((gid) => gid !== 0);
  if (wanted.length > 0) user.additionalGids = [...new Set([...(user.additionalGids ?? []), ...wanted])];
}
