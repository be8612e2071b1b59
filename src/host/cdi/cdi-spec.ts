/** The parts of a CDI specification file that are obeyed. Source: Container Device Interface specification 1.0. */
export interface CdiSpec {
  cdiVersion: string;
  /** `vendor.com/class`. */
  kind: string;
  containerEdits?: CdiEdits;
  devices: { name: string; containerEdits?: CdiEdits }[];
}

/** What a device changes about a container. */
export interface CdiEdits {
  env?: string[];
  deviceNodes?: CdiDeviceNode[];
  mounts?: CdiMount[];
  hooks?: CdiHook[];
  additionalGids?: number[];
  intelRdt?: object;
  netDevices?: { hostInterfaceName: string; name: string }[];
}

export interface CdiDeviceNode {
  path: string;
  /** Where it is on the host; absent: the same path. */
  hostPath?: string;
  /** `b`, `c`, `u` or `p`; absent, like the numbers: as on the host. */
  type?: string;
  major?: number;
  minor?: number;
  fileMode?: number;
  /** `rwm` when absent. */
  permissions?: string;
  uid?: number;
  gid?: number;
}

export interface CdiMount {
  hostPath: string;
  containerPath: string;
  type?: string;
  options?: string[];
}

export const CDI_HOOKS = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

export interface CdiHook {
  hookName: (typeof CDI_HOOKS)[number];
  path: string;
  args?: string[];
  env?: string[];
  timeout?: number;
}

const VENDOR_AND_CLASS = /^[A-Za-z][A-Za-z0-9_.-]*\/[A-Za-z][A-Za-z0-9_-]*$/;
const DEVICE_NAME = /^[A-Za-z0-9][A-Za-z0-9_.:-]*$/;

/**
 * The specification in a parsed file. Throws an Error that says what is wrong with it: a file of somebody else's is not trusted to have the
 * right shape, since its paths and hooks become root's.
 */
export function checkCdiSpec(value: unknown): CdiSpec {
  const spec = asObject(value, 'specification');
  if (typeof spec.cdiVersion !== 'string') throw new Error('cdiVersion is missing');
  if (typeof spec.kind !== 'string' || !VENDOR_AND_CLASS.test(spec.kind)) {
    throw new Error(`invalid kind ${JSON.stringify(spec.kind)}`);
  }
  if (!Array.isArray(spec.devices) || spec.devices.length === 0) throw new Error('invalid spec, no devices');
  const devices = spec.devices.map((entry) => {
    const device = asObject(entry, 'device');
    if (typeof device.name !== 'string' || !DEVICE_NAME.test(device.name)) {
      throw new Error(`invalid device name ${JSON.stringify(device.name)}`);
    }
    return { name: device.name, containerEdits: checkEdits(device.containerEdits) };
  });
  const { cdiVersion, kind } = spec;
  return { cdiVersion, kind, containerEdits: checkEdits(spec.containerEdits), devices };
}

function checkEdits(value: unknown): CdiEdits {
  if (value === undefined || value === null) return {};
  const edits = asObject(value, 'containerEdits');
  checkTexts(edits.env, 'env');
  for (const variable of (edits.env ?? []) as string[]) {
    if (!variable.includes('=')) throw new Error(`invalid environment variable ${JSON.stringify(variable)}`);
  }
  for (const node of list(edits.deviceNodes, 'deviceNodes')) checkPaths(node, ['path'], ['hostPath']);
  for (const mount of list(edits.mounts, 'mounts')) {
    checkPaths(mount, ['hostPath', 'containerPath'], []);
    checkTexts(mount.options, 'options');
  }
  for (const hook of list(edits.hooks, 'hooks')) {
    if (!CDI_HOOKS.includes(hook.hookName as never))
      throw new Error(`invalid hook name ${JSON.stringify(hook.hookName)}`);
    checkPaths(hook, ['path'], []);
    checkTexts(hook.args, 'args');
    checkTexts(hook.env, 'env');
  }
  const gids = edits.additionalGids ?? [];
  if (!Array.isArray(gids) || !gids.every((gid) => Number.isInteger(gid) && gid >= 0)) {
    throw new Error('additionalGids is not a list of group ids');
  }
  return edits;
}

function asObject(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is not an object`);
  return value as Record<string, unknown>;
}

function list(value: unknown, what: string): Record<string, unknown>[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new Error(`${what} is not a list`);
  return value.map((entry) => asObject(entry, what));
}

function checkTexts(value: unknown, what: string): void {
  if (value === undefined || value === null) return;
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === 'string')) {
    throw new Error(`${what} is not a list of strings`);
  }
}

function checkPaths(value: Record<string, unknown>, required: string[], optional: string[]): void {
  for (const name of required) {
    if (typeof value[name] !== 'string' || value[name] === '') throw new Error(`${name} is missing`);
  }
  for (const name of optional) {
    if (value[name] !== undefined && typeof value[name] !== 'string') throw new Error(`${name} is not a string`);
  }
}
