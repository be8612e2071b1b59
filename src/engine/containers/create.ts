import { mkdirSync, rmSync } from 'node:fs';
import { hostname } from 'node:os';
import { errorMessage, invalid } from '../../shared/errors.js';
import { formatRfc3339Nano, nowNs } from '../../shared/rfc3339.js';
import { UndoStack } from '../../shared/undo-stack.js';
import type { Image } from '../images/image.js';
import type { ContainerConfig, CreateContainerRequest, HostConfig } from './container-config.js';
import type { Container, GraphDriverData } from './container.js';
import { newContainerId } from './container-id.js';
import { containerFiles } from './container-paths.js';
import { emitContainerEvent, type ContainersContext } from './containers-context.js';
import { applyHostDefaults } from './host-defaults.js';
import { mergeImageConfig } from './merge-image-config.js';
import { cleanDestination } from './mount-spec.js';
import { generateName } from './names-generator.js';
import { imageMountPath } from './image-mounts.js';
import { initialNetwork } from './initial-network.js';
import { planMounts } from './plan-mounts.js';
import { mountPoints, type PlannedMount } from './planned-mount.js';
import { copyUpVolumes, resolveMounts, wantsCopyUp } from './resolve-mounts.js';
import { parseSecurityOpt } from './security-opt.js';
import { createdState } from './state-machine.js';
import {
  checkName,
  configChecks,
  validateCgroupParent,
  validateConfig,
  validateStorageOpt,
} from './validate-config.js';
import { checkReferences } from './validate-references.js';
import { validateLogConfig } from './log-config.js';

/** Makes a container: all of it, or nothing. */
export async function createContainer(
  ctx: ContainersContext,
  request: CreateContainerRequest,
): Promise<{ id: string; warnings: string[] }> {
  ctx.deps.quickMoves.expectStart();
  const { hostConfig: fitted, warnings } = validateConfig(request, configChecks(ctx));
  const image = findImage(ctx, request);
  ctx.deps.networks.validate(request.endpoints);
  const config = withDefaults(mergeImageConfig(request.config, image?.config ?? null));
  if ((config.entrypoint?.length ?? 0) + (config.cmd?.length ?? 0) === 0) throw invalid('no command specified');
  const hostConfig = applyHostDefaults({ ...request, hostConfig: fitted }, ctx.deps.defaults);
  validateCgroupParent(hostConfig.cgroupParent, ctx.deps.defaults.cgroupDriver);
  validateLogConfig(hostConfig.logConfig);

  await using undo = new UndoStack(ctx.deps.log);
  const id = ctx.ahead.takeSpare(ctx, { config, hostConfig }) ?? newContainerId(ctx.registry);
  const files = containerFiles(ctx.deps.paths, id);
  undo.push('what was ahead', () => ctx.ahead.drop(ctx, id));
  undo.push('container directory', () => rmSync(files.directory, { recursive: true, force: true }));
  undo.push('snapshot', () => ctx.deps.snapshots.remove(id));
  const name = takeName(ctx, request.name, id);
  undo.push('container name', () => ctx.registry.releaseName(name, id));
  parseSecurityOpt(hostConfig.securityOpt);
  validateStorageOpt(hostConfig);
  const planned = planWithImages(ctx, id, config, hostConfig);
  const resolvedHost = checkReferences(ctx, hostConfig);
  const finalConfig = config.hostname === '' ? { ...config, hostname: defaultHostname(resolvedHost, id) } : config;

  mkdirSync(files.directory, { recursive: true, mode: 0o710 });
  const plan = await resolveMounts(ctx, planned, resolvedHost.mounts, id, undo);
  if (plan.some(({ type }) => type === 'image')) warnings.push('Image mount is an experimental feature');
  const isVolatile = hostConfig.autoRemove;
  const graphDriver = ctx.deps.snapshots.create(id, image?.chainIds ?? [], { isVolatile });
  if (wantsCopyUp(plan)) await copyUp(ctx, plan, id);

  const container = describe(ctx, {
    request,
    id,
    name,
    config: finalConfig,
    hostConfig: resolvedHost,
    image,
    plan,
    graphDriver,
  });
  const entry = ctx.registry.add({ container, plan, phase: 'stable' });
  undo.commit();
  emitContainerEvent(ctx, entry, 'create');
  ctx.ahead.prepareSoon(ctx, entry);
  return { id, warnings };
}

function findImage(ctx: ContainersContext, { config, platform }: CreateContainerRequest): Image | null {
  if (config.image === '') return null;
  return ctx.deps.images.inspect(config.image, platform || undefined);
}

function withDefaults(config: ContainerConfig): ContainerConfig {
  const workingDir = config.workingDir === '' ? '' : cleanDestination(config.workingDir);
  const exposedPorts = config.exposedPorts.map((port) => (port.includes('/') ? port : `${port}/tcp`));
  return { ...config, workingDir, exposedPorts };
}

function takeName(ctx: ContainersContext, given: string, id: string): string {
  const name = given === '' ? generateName((candidate) => ctx.registry.isNameTaken(candidate)) : checkName(given);
  ctx.registry.reserveName(name, id);
  return name;
}

function defaultHostname(host: HostConfig, id: string): string {
  return host.networkMode === 'host' ? hostname() : id.slice(0, 12);
}

/** The plan with the images in it looked up: those mean the same ones for as long as the container lives. */
function planWithImages(ctx: ContainersContext, id: string, config: ContainerConfig, host: HostConfig): PlannedMount[] {
  return planMounts(config, host, (ref) => lend(ctx, ref)).map((mount, index) =>
    mount.type === 'image'
      ? {
          ...mount,
          imageId: ctx.deps.images.inspect(mount.imageId ?? mount.name).id,
          source: imageMountPath(ctx, id, index),
        }
      : mount,
  );
}

function lend(ctx: ContainersContext, ref: string): readonly PlannedMount[] {
  try {
    return ctx.registry.find(ref).plan;
  } catch (error) {
    throw invalid(errorMessage(error));
  }
}

async function copyUp(ctx: ContainersContext, plan: readonly PlannedMount[], id: string): Promise<void> {
  const rootfs = ctx.deps.snapshots.mount(id);
  try {
    await copyUpVolumes(ctx, plan, rootfs, id);
  } finally {
    await ctx.deps.snapshots.unmount(id);
  }
}

interface Decided {
  request: CreateContainerRequest;
  id: string;
  name: string;
  config: ContainerConfig;
  hostConfig: HostConfig;
  image: Image | null;
  plan: PlannedMount[];
  graphDriver: GraphDriverData;
}

function describe(ctx: ContainersContext, decided: Decided): Container {
  const { request, id, name, config, hostConfig, image, plan, graphDriver } = decided;
  const files = containerFiles(ctx.deps.paths, id);
  const [path = '', ...args] = [...(config.entrypoint ?? []), ...(config.cmd ?? [])];
  const logsToFile = hostConfig.logConfig.type === 'json-file';
  return {
    id,
    created: formatRfc3339Nano(nowNs()),
    name,
    imageId: image?.id ?? '',
    imageRef: request.config.image,
    path,
    args,
    config,
    hostConfig,
    state: createdState(),
    network: initialNetwork(ctx, hostConfig, request.endpoints, config),
    mounts: mountPoints(plan),
    restartCount: 0,
    driver: graphDriver.name,
    platform: image?.platform.os ?? 'linux',
    mountLabel: '',
    processLabel: '',
    appArmorProfile: parseSecurityOpt(hostConfig.securityOpt).appArmor ?? '',
    resolvConfPath: files.resolvConf,
    hostnamePath: files.hostname,
    hostsPath: files.hosts,
    logPath: logsToFile ? files.log : '',
    graphDriver,
    execIds: [],
    imageManifestDescriptor: manifestOf(image),
  };
}

function manifestOf(image: Image | null): Container['imageManifestDescriptor'] {
  if (!image?.descriptor) return null;
  const { mediaType, digest, sizeBytes } = image.descriptor;
  const { os, architecture, variant } = image.platform;
  return { mediaType, digest, sizeBytes, platform: { os, architecture, variant } };
}
